package lmtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/archbench/archbench/lm"
)

const (
	nats      = "max |Δ nats|"
	logitDiff = "max |Δ logit|"
)

// checkShapes checks that a reply has exactly the requested values, all finite.
func checkShapes(ctx context.Context, k *kit) (figure, error) {
	n := len(k.text)
	for _, logits := range []bool{false, true} {
		_, err := k.checkedScore(ctx, k.model, lm.ScoreRequest{Logits: logits, Sequences: []lm.Sequence{
			{Tokens: k.text, From: 1}, {Tokens: k.text[:n/2], From: n / 4}, {Tokens: k.text[:1], From: 1}, {Tokens: k.text, From: n},
		}})
		if err != nil {
			return figure{}, err
		}
	}
	return figure{}, nil
}

// checkLikelihood checks that losses are -log softmax of the logits, so that probabilities sum to 1.
func checkLikelihood(ctx context.Context, k *kit) (figure, error) {
	reply, err := k.score(ctx, true, k.text)
	if err != nil {
		return figure{}, err
	}
	want := make([]float64, len(k.text)-1)
	for p := range want {
		want[p] = loss(k.row(reply.Scores[0].Logits, p), k.text[p+1])
	}
	return figure{value: maxDiff(want, reply.Scores[0].NLL), unit: nats, limit: 2e-5}, nil
}

// loss returns -log softmax(logits)[token], in float64.
func loss(logits []float32, token int32) float64 {
	largest := float64(slices.Max(logits))
	var sum float64
	for _, x := range logits {
		sum += math.Exp(float64(x) - largest)
	}
	return largest + math.Log(sum) - float64(logits[token])
}

// checkDeterminism checks that the same request gives the same bits in a second model loaded from the same seed.
func checkDeterminism(ctx context.Context, k *kit) (figure, error) {
	return k.compareLoaded(ctx, k.request(1), 0)
}

// checkThreads checks that the number of threads does not change the results.
func checkThreads(ctx context.Context, k *kit) (figure, error) {
	req := k.request(1)
	if req.Threads = 1; k.info.Threads == 1 {
		req.Threads = 2
	}
	return k.compareLoaded(ctx, req, k.options.Tolerance)
}

// compareLoaded compares the text's logits with those of a second model. Without a limit they must be bit-equal.
func (k *kit) compareLoaded(ctx context.Context, req lm.LoadRequest, limit float64) (figure, error) {
	first, err := k.score(ctx, true, k.text)
	if err != nil {
		return figure{}, err
	}
	other, err := k.arch.Load(ctx, req)
	if err != nil {
		return figure{}, err
	}
	defer other.Close()
	second, err := k.checkedScore(ctx, other, lm.ScoreRequest{Logits: true, Sequences: []lm.Sequence{{Tokens: k.text, From: 1}}})
	if err != nil {
		return figure{}, err
	}
	f := figure{value: maxDiff(first.Scores[0].Logits, second.Scores[0].Logits), unit: logitDiff, limit: limit}
	if limit == 0 && f.value != 0 {
		return f, errors.New("the same request gives different results")
	}
	return f, nil
}

// leakLimit bounds the change of a prediction when later tokens change, to allow for rounding.
const leakLimit = 1e-5

// checkCausality changes the end of a text and compares the predictions before it. It does not trust the declaration; a
// model declared as seeing the future is n/a.
func checkCausality(ctx context.Context, k *kit) (figure, error) {
	whole, err := k.steady(ctx)
	if err != nil {
		return figure{}, err
	}
	f := figure{unit: "max change before the changed suffix", limit: leakLimit}
	n := len(k.text)
	for _, q := range []int{n / 4, n / 2, n - 2} {
		changed := slices.Clone(k.text)
		for i := q; i < n; i++ {
			changed[i] = (changed[i] + 1 + int32(i%(k.info.Vocab-1))) % int32(k.info.Vocab)
		}
		reply, err := k.score(ctx, true, changed)
		if err != nil {
			return f, err
		}
		a, b := whole.Scores[0], reply.Scores[0]
		f.value = max(f.value,
			maxDiff(a.Logits[:q*k.info.Vocab], b.Logits[:q*k.info.Vocab]), // rows 0..q-1 have seen tokens before q
			maxDiff(a.NLL[:q-1], b.NLL[:q-1]))                             // of tokens 1..q-1
	}
	if f.value > leakLimit && !k.info.Causal {
		return f, unavailable(fmt.Sprintf("declared as seeing the future, and does: predictions change by %.3g", f.value))
	}
	if f.value > leakLimit {
		f.note = "declares itself causal, but sees the future"
	}
	return f, nil
}

// steady scores the text twice, since the causality check needs equal results for equal requests.
func (k *kit) steady(ctx context.Context) (lm.ScoreReply, error) {
	first, err := k.score(ctx, true, k.text)
	if err != nil {
		return first, err
	}
	again, err := k.score(ctx, true, k.text)
	if err != nil {
		return first, err
	}
	if d := maxDiff(first.Scores[0].Logits, again.Scores[0].Logits); d > leakLimit {
		return first, lm.Faultf(lm.Unsteady, "the model is not deterministic: the same request gives logits that differ by %.3g", d)
	}
	return first, nil
}

// checkPrefix checks that the beginning of a text is scored as if nothing followed it.
func checkPrefix(ctx context.Context, k *kit) (figure, error) {
	if !k.info.Causal {
		return figure{}, unavailable("the model sees the future")
	}
	whole, err := k.score(ctx, true, k.text)
	if err != nil {
		return figure{}, err
	}
	f, err := k.agreement(ctx)
	if err != nil {
		return f, err
	}
	for _, n := range []int{2, 5, len(k.text) / 2, len(k.text) - 1} {
		prefix, err := k.score(ctx, true, k.text[:n])
		if err != nil {
			return f, err
		}
		k.compare(&f, k.text[:n], whole.Scores[0].Logits[:n*k.info.Vocab], prefix.Scores[0].Logits)
	}
	return f, nil
}

// checkBatch checks that other documents in the request change nothing.
func checkBatch(ctx context.Context, k *kit) (figure, error) {
	documents := [][]int32{k.text, k.document(2, len(k.text)/3), k.document(3, 2), k.document(4, len(k.text)-1)}
	together, err := k.score(ctx, true, documents...)
	if err != nil {
		return figure{}, err
	}
	f, err := k.agreement(ctx)
	if err != nil {
		return f, err
	}
	for i, d := range documents {
		alone, err := k.score(ctx, true, d)
		if err != nil {
			return f, err
		}
		k.compare(&f, d, together.Scores[i].Logits, alone.Scores[0].Logits)
	}
	return f, nil
}
