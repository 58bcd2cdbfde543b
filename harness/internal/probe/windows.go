package probe

import (
	"iter"

	"github.com/archbench/archbench/lm"
)

// windows splits a document into sequences that score each token once. It holds only the tokens of one window in memory.
type windows struct {
	pull            func() ([]int32, error, bool)
	close           func()
	bos             int32
	context, stride int

	tokens []int32 // read and still needed, from position at on
	at     int
	scored int // tokens before this position are scored
	first  bool
}

func newWindows(tokens iter.Seq2[[]int32, error], bos int32, context, stride int) *windows {
	w := &windows{bos: bos, context: context, stride: stride, first: true}
	w.pull, w.close = iter.Pull2(tokens)
	if bos < 0 {
		w.scored = 1 // nothing predicts the first token
	}
	return w
}

// read returns the number of tokens read.
func (w *windows) read() int { return w.at + len(w.tokens) }

// next returns the next n windows, or fewer at the end of the document.
func (w *windows) next(n int) (batch []lm.Sequence, err error) {
	for len(batch) < n {
		if err := w.fill(w.scored + 1); err != nil {
			return nil, err
		}
		if w.read() <= w.scored {
			break
		}
		s, err := w.window()
		if err != nil {
			return nil, err
		}
		batch = append(batch, s)
	}
	return batch, nil
}

// window returns the window that scores the next tokens.
func (w *windows) window() (s lm.Sequence, err error) {
	end := w.scored + w.stride
	if w.first {
		end, w.first = w.context, false
	}
	start := max(0, end-w.context) // even if the last window ends early
	if err := w.fill(end); err != nil {
		return s, err
	}
	end = min(end, w.read())
	if w.bos < 0 && start == w.scored {
		start-- // the token before the first scored one replaces the start token
	}
	if w.bos >= 0 {
		s.Tokens = append(s.Tokens, w.bos)
	}
	s.From = len(s.Tokens) + w.scored - start
	s.Tokens = append(s.Tokens, w.tokens[start-w.at:end-w.at]...)
	w.scored = end
	keep := max(0, end-w.context)
	w.tokens, w.at = w.tokens[keep-w.at:], keep
	return s, nil
}

// fill reads until n tokens of the document have been read, or its end.
func (w *windows) fill(n int) error {
	for w.read() < n {
		more, err, ok := w.pull()
		if err != nil || !ok {
			return err
		}
		w.tokens = append(w.tokens, more...)
	}
	return nil
}
