package tokenizer

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/internal/strictjson"
)

// Verification is the result of comparing a tokenizer with reference encodings.
type Verification struct {
	Lines       int // lines compared
	SameIDs     int // lines with identical ids
	SameText    int // lines with identical decoded text
	Differences []Difference
}

// OK reports whether there were lines to compare and all were identical.
func (v Verification) OK() bool {
	return v.Lines > 0 && v.SameIDs == v.Lines && v.SameText == v.Lines
}

// Difference is a line on which tokenizer and reference disagree.
type Difference struct {
	Line     int // from 1
	Text     string
	GotIDs   []int32
	WantIDs  []int32
	GotText  string // decoded from WantIDs
	WantText string
}

// reference is one line of encodings.jsonl.
type reference struct {
	Text    string  `json:"text"`
	IDs     []int32 `json:"ids"`
	Decoded string  `json:"decoded"`
}

// Verify encodes and decodes every line of a file of JSON objects {"text", "ids", "decoded"} with the tokenizer of a
// model folder. It recognises special tokens in a text and adds nothing around it. It returns the first keep
// differences.
func Verify(dir, encodings string, keep int) (Verification, error) {
	t, err := Open(dir)
	if err != nil {
		return Verification{}, err
	}
	file, err := regularfile.Open(encodings)
	if err != nil {
		return Verification{}, fmt.Errorf("verify tokenizer: %w", err)
	}
	defer file.Close()
	v, err := verify(t, file, keep)
	if err != nil {
		return v, fmt.Errorf("verify tokenizer: %s:%w", encodings, err)
	}
	return v, nil
}

// verify compares line by line. Its errors begin with the line number.
func verify(t Tokenizer, encodings io.Reader, keep int) (Verification, error) {
	var v Verification
	lines := bufio.NewScanner(encodings)
	lines.Buffer(nil, maxFile)
	for lines.Scan() {
		v.Lines++
		var want reference
		err := strictjson.Unmarshal(lines.Bytes(), &want)
		if err == nil {
			err = v.compare(t, want, keep)
		}
		if err != nil {
			return v, fmt.Errorf("%d: %w", v.Lines, err)
		}
	}
	if err := lines.Err(); err != nil {
		return v, fmt.Errorf("%d: %w", v.Lines+1, err)
	}
	return v, nil
}

// compare adds a line to the result.
func (v *Verification) compare(t Tokenizer, want reference, keep int) error {
	ids, err := t.EncodeSpecial(want.Text)
	if err != nil {
		return err
	}
	text, err := t.Decode(want.IDs)
	if err != nil {
		return err
	}
	sameIDs, sameText := slices.Equal(ids, want.IDs), text == want.Decoded
	if sameIDs {
		v.SameIDs++
	}
	if sameText {
		v.SameText++
	}
	if (!sameIDs || !sameText) && len(v.Differences) < keep {
		v.Differences = append(v.Differences, Difference{v.Lines, want.Text, ids, want.IDs, text, want.Decoded})
	}
	return nil
}
