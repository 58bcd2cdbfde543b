package lmplugin

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/internal/toy"
	"github.com/archbench/archbench/lm/lmpb"
)

// lie replaces a message of the plugin by others.
type lie func(m any) []any

// tampering returns the options of a server that tells a lie.
func tampering(tell lie) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			reply, err := next(ctx, req)
			if err != nil {
				return nil, err
			}
			return tell(reply)[0], nil
		}),
		grpc.ChainStreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			return next(srv, &tampered{s, tell})
		}),
	}
}

type tampered struct {
	grpc.ServerStream
	tell lie
}

// SendMsg implements grpc.ServerStream.
func (t *tampered) SendMsg(m any) error {
	for _, told := range t.tell(m) {
		if err := t.ServerStream.SendMsg(told); err != nil {
			return err
		}
	}
	return nil
}

// of returns a lie that changes one type of message.
func of[M any](change func(m *M)) lie {
	return func(m any) []any {
		if own, ok := m.(*M); ok {
			change(own)
		}
		return []any{m}
	}
}

// ranks returns a lie that changes scores with ranks.
func ranks(change func(m *lmpb.ScoreResponse)) lie {
	return of(func(m *lmpb.ScoreResponse) {
		if m.Rank != nil {
			change(m)
		}
	})
}

// sampled returns a lie that changes the sampled token of a step.
func sampled(change func(m *lmpb.StepResponse)) lie {
	return of(func(m *lmpb.StepResponse) {
		if m.Token != nil {
			change(m)
		}
	})
}

// updating returns a lie that changes the reply of a training step with an update.
func updating(change func(m *lmpb.TrainStepResponse)) lie {
	return of(func(m *lmpb.TrainStepResponse) {
		if m.Updated {
			change(m)
		}
	})
}

// times returns a lie that sends one type of message n times.
func times[M any](n int) lie {
	return func(m any) []any {
		if _, ok := m.(*M); !ok {
			return []any{m}
		}
		var all []any
		for range n {
			all = append(all, m)
		}
		return all
	}
}

// everything makes every type of call.
func everything(ctx context.Context, c *client) error {
	m, err := c.Load(ctx, lm.LoadRequest{Variant: "default", Seed: 7})
	if err != nil {
		return err
	}
	text := []int32{1, 2, 3, 4}
	if _, err := m.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: text, From: 1}, {Tokens: text, From: 2}}, Logits: true, Versus: m}); err != nil {
		return err
	}
	if m.Info().Has(lm.AbilityAnswers) {
		if _, err := m.Score(ctx, lm.ScoreRequest{Ranks: true, Sequences: []lm.Sequence{{Tokens: text, Targets: []int32{-1, 5, -1, 9}}}}); err != nil {
			return err
		}
	}
	state, err := m.(lm.Stepper).NewState(ctx)
	if err != nil {
		return err
	}
	for _, want := range []lm.Want{lm.WantNLL, lm.WantLastLogits, lm.WantAllLogits, lm.WantNothing} {
		if _, err := m.(lm.Stepper).Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: text}}, Want: want}); err != nil {
			return err
		}
	}
	if m.Info().Has(lm.AbilitySample) {
		in := lm.StepInput{State: state, Tokens: text, Sample: true, Sampler: &lm.Sampler{}}
		if _, err := m.(lm.Stepper).Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{in}}); err != nil {
			return err
		}
	}
	fork, err := state.Fork(ctx)
	if err != nil {
		return err
	}
	req := lm.GenerateRequest{Inputs: []lm.StepInput{{State: state, Tokens: text}, {State: fork, Tokens: text}}, MaxNew: 5, Every: 2}
	if err := m.(lm.Generator).Generate(ctx, req, func(lm.GenerateChunk) bool { return true }); err != nil {
		return err
	}
	_, cost := m.(lm.Coster).Cost(ctx, lm.CostRequest{Phase: lm.Prefill, Batch: 1, Length: 3, Count: true})
	_, memory := m.(lm.MemoryReporter).Memory(ctx, false)
	return cmp.Or(cost, memory, state.Reset(ctx), train(ctx, c, m))
}

// train makes every type of training call if the model can train.
func train(ctx context.Context, c *client, m lm.Model) error {
	if !m.Info().Has(lm.AbilityTrain) {
		return nil
	}
	t, err := c.OpenTraining(ctx, lm.TrainingRequest{Load: &lm.LoadRequest{Variant: "default", Seed: 8}})
	if err != nil {
		return err
	}
	logits := make([]float32, 23)
	for _, step := range []lm.TrainStep{
		{Documents: []lm.TrainDocument{{Tokens: []int32{1, 2, 3}}, {Tokens: []int32{4}, Targets: []int32{5}}}, LabelSmoothing: 0.1},
		{Documents: []lm.TrainDocument{{Tokens: []int32{1, 2}, Carry: true}}, Teacher: &lm.Teacher{Model: m, Temperature: 2, Weight: 0.5}},
		{
			Documents: []lm.TrainDocument{{Tokens: []int32{1, 2}, Teacher: logits}}, Teacher: &lm.Teacher{Weight: 1},
			Update: true, LearningRate: 0.1, ClipNorm: 1, Weight: 0.5, LossScale: 8,
		},
	} {
		if _, err := t.Step(ctx, step); err != nil {
			return err
		}
	}
	if got := t.Info(); got.Optimizer.Name != "sgd" {
		return lm.Errorf(lm.Internal, "", "%+v", got)
	}
	return cmp.Or(t.Close(), t.Model().Close())
}

// TestLies checks that the client refuses every reply that cannot be true, with the right fault.
func TestLies(t *testing.T) {
	const absurd = 1_000_000_000_000_000_000
	nan := math.NaN()
	for _, c := range []struct {
		name  string
		lie   lie
		fault lm.Fault
		text  string
	}{
		{"the truth", of(func(*lmpb.LoadResponse) {}), "", ""},

		{"an ability of a newer contract", of(func(m *lmpb.DescribeResponse) { m.Abilities = append(m.Abilities, "dream") }), "", ""},
		{"endless ability", of(func(m *lmpb.DescribeResponse) { m.Abilities[0] = strings.Repeat("x", 1<<10) }), lm.Malformed, "1024 bytes"},
		{"endless abilities", of(func(m *lmpb.DescribeResponse) { m.Abilities = make([]string, 1<<13) }), lm.Malformed, "8192 abilities"},
		{"endless name", of(func(m *lmpb.DescribeResponse) { m.Name = strings.Repeat("x", 1<<10) }), lm.Malformed, "1024 bytes"},
		{"no name", of(func(m *lmpb.DescribeResponse) { m.Name = "" }), lm.Malformed, "name is empty"},
		{"endless variants", of(func(m *lmpb.DescribeResponse) { m.Variants = make([]*lmpb.Variant, 1<<13) }), lm.Malformed, "8192 variants"},

		{"no model", of(func(m *lmpb.LoadResponse) { m.Model = 0 }), lm.Malformed, "without a handle"},
		{"no info", of(func(m *lmpb.LoadResponse) { m.Info = nil }), lm.Malformed, "vocabulary is 0"},
		{"negative parameters", of(func(m *lmpb.LoadResponse) { m.Info.Parameters = -5 }), lm.Malformed, "parameters is -5"},
		{"absurd parameters", of(func(m *lmpb.LoadResponse) { m.Info.Parameters = absurd }), lm.Malformed, "parameters"},
		{"parameters of less than a bit", of(func(m *lmpb.LoadResponse) { m.Info.Parameters = 1e6 }), lm.Malformed, "less than 1 bit"},
		{"negative bytes", of(func(m *lmpb.LoadResponse) { m.Info.Bytes[0].Bytes = -1 }), lm.Malformed, "is -1"},
		{"absurd bytes", of(func(m *lmpb.LoadResponse) { m.Info.Bytes[0].Bytes = absurd }), lm.Malformed, "1000000000000000000"},
		{"heavy weights", of(func(m *lmpb.LoadResponse) { m.Info.Bytes[0].Bytes = 1 << 30 }), lm.Malformed, "more than 16 bytes each"},
		{"no vocabulary", of(func(m *lmpb.LoadResponse) { m.Info.Vocab = 0 }), lm.Malformed, "vocabulary is 0"},
		{"start token", of(func(m *lmpb.LoadResponse) { bos := int32(23); m.Info.Bos = &bos }), lm.Malformed, "start token is 23"},
		{"end token", of(func(m *lmpb.LoadResponse) { m.Info.Eos = []int32{-1} }), lm.Malformed, "end token is -1"},
		{"context limit", of(func(m *lmpb.LoadResponse) { m.Info.ContextLimit = -1 }), lm.Malformed, "context limit is -1"},
		{"negative load", of(func(m *lmpb.LoadResponse) { m.Info.LoadNs = -1 }), lm.Malformed, "below 0"},
		{"long load", of(func(m *lmpb.LoadResponse) { m.Info.LoadNs = absurd }), lm.Contradiction, "in a call that took"},

		{"a device without a name", of(func(m *lmpb.DescribeResponse) { m.Devices[0].Name = "" }), lm.Malformed, "device name is empty"},
		{"a device's memory", of(func(m *lmpb.DescribeResponse) { m.Devices[0].Memory = -1 }), lm.Malformed, "memory of device cpu is -1"},
		{"another device", of(func(m *lmpb.LoadResponse) { m.Info.Device.Name = "cuda:0" }), lm.Malformed, `device "cuda:0", which the plugin does not have`},
		{"a model's own ability", of(func(m *lmpb.LoadResponse) { m.Info.Abilities = &lmpb.Abilities{Names: []string{"calibrate"}} }), lm.Contradiction, `the model has the ability "calibrate"`},

		{"negative loss", of(func(m *lmpb.ScoreResponse) { m.Nll[0] = -1 }), lm.Malformed, "loss 0 is -1, below 0"},
		{"loss NaN", of(func(m *lmpb.ScoreResponse) { m.Nll[1] = nan }), lm.NonFinite, "loss 1 is NaN"},
		{"infinite loss", of(func(m *lmpb.ScoreResponse) { m.Nll[1] = math.Inf(1) }), lm.NonFinite, "loss 1 is +Inf"},
		{"few losses", of(func(m *lmpb.ScoreResponse) { m.Nll = m.Nll[1:] }), lm.Malformed, "asked for 3 losses, got 2"},
		{"many losses", of(func(m *lmpb.ScoreResponse) { m.Nll = make([]float64, 1000) }), lm.Malformed, "asked for 3 losses, got at least 1000"},
		{"no logits", of(func(m *lmpb.ScoreResponse) { m.Logits = nil }), lm.Malformed, "asked for 92 logits, got 0"},
		{"torn logits", of(func(m *lmpb.ScoreResponse) { m.Logits = m.Logits[1:] }), lm.Malformed, "bytes of float32"},
		{"logits NaN", of(func(m *lmpb.ScoreResponse) { copy(m.Logits, packFloats([]float32{float32(nan)})) }), lm.NonFinite, "logit 0"},
		{"negative divergence", of(func(m *lmpb.ScoreResponse) { m.Kl[0] = -1 }), lm.Malformed, "divergence 0 is -1"},
		{"few agreements", of(func(m *lmpb.ScoreResponse) { m.Top1 = nil }), lm.Malformed, "agreements"},
		{"another sequence", of(func(m *lmpb.ScoreResponse) { m.Sequence = 9 }), lm.Malformed, "input 9 of 2"},
		{"scores twice", times[lmpb.ScoreResponse](2), lm.Malformed, "asked for 3 losses, got at least 6"},
		{"endless scores", times[lmpb.ScoreResponse](1 << 20), lm.Malformed, "got at least 6"},
		{"endless silence", func(m any) []any {
			if _, ok := m.(*lmpb.ScoreResponse); ok {
				return times[lmpb.ScoreResponse](1 << 12)(&lmpb.ScoreResponse{})
			}
			return []any{m}
		}, lm.Malformed, "more messages than"},
		{"huge message", of(func(m *lmpb.ScoreResponse) { m.Logits = make([]byte, longestMessage+1) }), lm.Malformed, "more than 16 MiB"},
		{"negative time", of(func(m *lmpb.ScoreResponse) { m.ComputeNs = -1 }), lm.Malformed, "below 0"},
		{"more time than passed", of(func(m *lmpb.ScoreResponse) { m.ComputeNs = absurd }), lm.Contradiction, "in a call that took"},

		{"few ranks", ranks(func(m *lmpb.ScoreResponse) { m.Rank = m.Rank[1:] }), lm.Malformed, "asked for 2 ranks, got 1"},
		{"many ranks", ranks(func(m *lmpb.ScoreResponse) { m.Rank = append(m.Rank, 1) }), lm.Malformed, "asked for 2 ranks, got at least 3"},
		{"ranks of nothing", of(func(m *lmpb.ScoreResponse) { m.Best = []int32{1} }), lm.Malformed, "asked for 0 best tokens"},
		{"best token", ranks(func(m *lmpb.ScoreResponse) { m.Best[1] = 23 }), lm.Malformed, "best token 1 is 23"},
		{"rank", ranks(func(m *lmpb.ScoreResponse) { m.Rank[0] = -1 }), lm.Malformed, "rank 0 is -1"},
		{"a right answer that is not the best", ranks(func(m *lmpb.ScoreResponse) { m.Rank[0], m.Best[0] = 0, 6 }), lm.Contradiction, "token 5 has rank 0, and the best one is 6"},
		{"losses of all for targets", ranks(func(m *lmpb.ScoreResponse) { m.Nll = make([]float64, 3) }), lm.Malformed, "asked for 2 losses, got at least 3"},
		{"sampled token", sampled(func(m *lmpb.StepResponse) { *m.Token = 23 }), lm.Malformed, "sampled token is 23"},
		{"no sampled token", sampled(func(m *lmpb.StepResponse) { m.Token = nil }), lm.Malformed, "asked for 1 sampled tokens, got 0"},
		{"an unrequested token", of(func(m *lmpb.StepResponse) { m.Token = new(int32) }), lm.Malformed, "asked for 0 sampled tokens"},

		{"no state", of(func(m *lmpb.NewStateResponse) { m.State = 0 }), lm.Malformed, "without a handle"},
		{"a state with a past", of(func(m *lmpb.NewStateResponse) { m.Info.Length = 3 }), lm.Malformed, "state in tokens is 3"},
		{"state of negative size", of(func(m *lmpb.NewStateResponse) { m.Info.Bytes = -1 }), lm.Malformed, "state in bytes is -1"},
		{"absurd state", of(func(m *lmpb.NewStateResponse) { m.Info.Bytes = absurd }), lm.Malformed, "state in bytes"},
		{"another fork", of(func(m *lmpb.ForkStateResponse) { m.Info.Length = 3 }), lm.Malformed, "state in tokens is 3"},
		{"no reset", of(func(m *lmpb.ResetStateResponse) { m.Info.Length = 3 }), lm.Malformed, "state in tokens is 3"},

		{"empty step", of(func(m *lmpb.StepResponse) { m.Nll, m.Logits = nil, nil }), lm.Malformed, "asked for 3 losses, got 0"},
		{"step loss", of(func(m *lmpb.StepResponse) {
			for i := range m.Nll {
				m.Nll[i] = -3
			}
		}), lm.Malformed, "loss 0 is -3"},
		{"step without logits", of(func(m *lmpb.StepResponse) { m.Logits = nil }), lm.Malformed, "asked for 23 logits, got 0"},
		{"endless step", times[lmpb.StepResponse](1 << 12), lm.Malformed, "got at least 6"},
		{"no states", of(func(m *lmpb.StepResponse) { m.States = nil }), lm.Malformed, "has 0 states"},
		{"a step back", of(func(m *lmpb.StepResponse) {
			for _, s := range m.States {
				s.Length = 0
			}
		}), lm.Malformed, "state in tokens is 0"},
		{"step time", of(func(m *lmpb.StepResponse) { m.ComputeNs = absurd }), lm.Contradiction, "in a call that took"},

		{"a token out of range", of(func(m *lmpb.GenerateResponse) { m.Chunks[0].Tokens[0] = 23 }), lm.Malformed, "token 23 is outside the vocabulary of 23"},
		{"a negative token", of(func(m *lmpb.GenerateResponse) { m.Chunks[0].Tokens[0] = -1 }), lm.Malformed, "token -1"},
		{"too many tokens", of(func(m *lmpb.GenerateResponse) { m.Chunks[1].Tokens = make([]int32, 50) }), lm.Malformed, "at most 5"},
		{"too few tokens", of(func(m *lmpb.GenerateResponse) { m.Chunks[1].Tokens = m.Chunks[1].Tokens[1:] }), lm.Malformed, "asked for 5 new tokens"},
		{"no end", of(func(m *lmpb.GenerateResponse) { m.Done = false }), lm.Malformed, "without a last chunk"},
		{"early end", of(func(m *lmpb.GenerateResponse) { m.Done = true }), lm.Malformed, "asked for 5 new tokens"},
		{"endless chunks", func(m any) []any {
			if r, ok := m.(*lmpb.GenerateResponse); ok {
				r.PrefillNs = 0
			}
			return times[lmpb.GenerateResponse](1 << 12)(m)
		}, lm.Malformed, "at most 5"},
		{"empty chunks", of(func(m *lmpb.GenerateResponse) { m.Chunks = nil }), lm.Malformed, "chunk without tokens"},
		{"tokens of an unknown input", of(func(m *lmpb.GenerateResponse) { m.Chunks[0].Input = 7 }), lm.Malformed, "input 7 of 2"},
		{"prefill time", of(func(m *lmpb.GenerateResponse) { m.PrefillNs = absurd }), lm.Contradiction, "the time of the prompts"},
		{"negative step", of(func(m *lmpb.GenerateResponse) { m.StepNs = []int64{-1} }), lm.Malformed, "time of a step is -1ns"},
		{"long steps", of(func(m *lmpb.GenerateResponse) { m.StepNs = []int64{m.ComputeNs, 2e6} }), lm.Contradiction, "time of a step is 2ms"},
		{"many steps", of(func(m *lmpb.GenerateResponse) { m.StepNs = make([]int64, 6) }), lm.Malformed, "times of 6 steps"},
		{"negative chunk", of(func(m *lmpb.GenerateResponse) { m.ComputeNs = -1 }), lm.Malformed, "below 0"},
		{"generated state", of(func(m *lmpb.GenerateResponse) {
			for _, s := range m.States {
				s.Length = 7
			}
		}), lm.Malformed, "state in tokens is 7"},

		{"no training", of(func(m *lmpb.OpenTrainingResponse) { m.Training = 0 }), lm.Malformed, "training without a handle"},
		{"no model to train", of(func(m *lmpb.OpenTrainingResponse) { m.Model = 0 }), lm.Malformed, "model without a handle"},
		{"no info of it", of(func(m *lmpb.OpenTrainingResponse) { m.Info = nil }), lm.Malformed, "vocabulary is 0"},
		{"a fresh training with a past", of(func(m *lmpb.OpenTrainingResponse) { m.Updates = 3 }), lm.Malformed, "number of updates is 3"},
		{"more parameters in groups than in the model", of(func(m *lmpb.OpenTrainingResponse) { m.Groups[0].Parameters = 1 << 40 }), lm.Malformed, "parameters of group all"},
		{"no optimizer", of(func(m *lmpb.OpenTrainingResponse) { m.Optimizer = nil }), lm.Malformed, "optimizer is empty"},
		{"an option NaN", of(func(m *lmpb.OpenTrainingResponse) { m.Optimizer.Options["momentum"] = nan }), lm.NonFinite, "option momentum is NaN"},
		{"endless components", of(func(m *lmpb.OpenTrainingResponse) { m.Components = make([]string, 1<<13) }), lm.Malformed, "8192 components"},
		{"negative training loss", of(func(m *lmpb.TrainStepResponse) { m.Loss = -1 }), lm.Malformed, "loss 0 is -1"},
		{"training loss NaN", of(func(m *lmpb.TrainStepResponse) { m.Loss = nan }), lm.NonFinite, "loss 0 is NaN"},
		{"parts that do not add up", of(func(m *lmpb.TrainStepResponse) { m.Objective++ }), lm.Contradiction, "its parts sum to"},
		{"an unknown part", of(func(m *lmpb.TrainStepResponse) { m.Parts["z"] = 0 }), lm.Malformed, `unknown part "z"`},
		{"few targets", of(func(m *lmpb.TrainStepResponse) { m.Targets-- }), lm.Malformed, "asked for 3 targets, got 2"},
		{"light targets", of(func(m *lmpb.TrainStepResponse) { m.Weight /= 2 }), lm.Contradiction, "weights of the targets sum to 3, not 1.5"},
		{"an unrequested update", of(func(m *lmpb.TrainStepResponse) { m.Updated = true }), lm.Contradiction, "update requested: false"},
		{"an update that is not finite", of(func(m *lmpb.TrainStepResponse) { m.Finite = !m.Updated }), lm.Contradiction, "finite: false, made: true"},
		{"many updates", of(func(m *lmpb.TrainStepResponse) { m.Updates = 7 }), lm.Contradiction, "7 updates in all, after 0 before and 0 in this step"},
		{"an unrequested norm", of(func(m *lmpb.TrainStepResponse) { m.GradientNorm = 1 }), lm.Malformed, "without an update"},
		{"a negative norm", updating(func(m *lmpb.TrainStepResponse) { m.GradientNorm = -1 }), lm.Malformed, "norm of the gradient of all is -1"},
		{"a norm NaN", updating(func(m *lmpb.TrainStepResponse) { m.GradientNorms["head"] = nan }), lm.NonFinite, "gradient of component head is NaN"},
		{"an unknown component", updating(func(m *lmpb.TrainStepResponse) { m.GradientNorms["x"] = 1 }), lm.Malformed, `unknown component "x"`},
		{"step time of training", of(func(m *lmpb.TrainStepResponse) { m.ComputeNs = absurd }), lm.Contradiction, "in a call that took"},

		{"negative FLOPs", of(func(m *lmpb.CostResponse) { m.Analytic[0].Flops = -1 }), lm.Malformed, "is -1"},
		{"FLOPs that do not add up", of(func(m *lmpb.CostResponse) {
			m.Counted[0].Flops, m.Counted[1].Flops = math.MaxInt64, math.MaxInt64
		}), lm.Malformed, "FLOPs of head"},
		{"negative bytes of work", of(func(m *lmpb.CostResponse) { m.Analytic[0].Bytes = -1 }), lm.Malformed, "is -1"},
		{"only a lower bound", of(func(m *lmpb.CostResponse) { m.Least = m.Analytic[:1] }), lm.Malformed, "1 components have a lower bound, 0 an upper bound"},
		{"bounds of two components", of(func(m *lmpb.CostResponse) { m.Least, m.Most = m.Analytic[:1], m.Analytic[1:] }), lm.Malformed, "has only a lower bound"},
		{"beyond its bounds", of(func(m *lmpb.CostResponse) {
			low := &lmpb.CostItem{Component: "head", Flops: 1}
			m.Least, m.Most = []*lmpb.CostItem{low}, []*lmpb.CostItem{low}
		}), lm.Contradiction, "component head costs"},
		{"memory of another device", of(func(m *lmpb.MemoryResponse) { m.Live[0].Device = "cuda:0" }), lm.Malformed, "no memory of its own"},
		{"negative memory", of(func(m *lmpb.MemoryResponse) { m.Live[0].Bytes = -1 }), lm.Malformed, "is -1"},
		{"absurd memory", of(func(m *lmpb.MemoryResponse) { m.Peak[0].Bytes = absurd }), lm.Malformed, "the peak"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := connected(t, toy.Architecture{}, tampering(c.lie)...)
			if err == nil {
				err = everything(t.Context(), client)
			}
			bad, found := errors.AsType[*lm.ReplyError](err)
			switch {
			case c.fault == "" && err != nil:
				t.Error(err)
			case c.fault != "" && (!found || bad.Fault != c.fault || !strings.Contains(err.Error(), c.text)):
				t.Errorf("%v, want fault %q with %q", err, c.fault, c.text)
			}
		})
	}
}

// TestRoundingBelowZero checks that a loss that rounding has brought below 0 counts as 0.
func TestRoundingBelowZero(t *testing.T) {
	c, err := connected(t, toy.Architecture{}, tampering(of(func(m *lmpb.ScoreResponse) { m.Nll[0] = -1e-6 }))...)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := load(t, c, "default").Score(t.Context(), sequence(4))
	if err != nil || reply.Scores[0].NLL[0] != 0 {
		t.Errorf("%v, %v", reply, err)
	}
}

// TestTextOfPlugins checks that text of a plugin is bounded and reaches a terminal without control characters.
func TestTextOfPlugins(t *testing.T) {
	const escape = "\x1b]0;owned\a\u202e"
	escapes := of(func(m *lmpb.LoadResponse) {
		m.Info.Mode, m.Info.StateKind = escape, escape
		m.Info.Bytes[0].Class = escape
		m.Info.Warnings = append(make([]string, 500), escape)
		m.Info.Warnings[0] = strings.Repeat("w", 1<<20) + escape
		m.Info.Warnings[1] = escape
	})
	c, err := connected(t, toy.Architecture{}, tampering(escapes)...)
	if err != nil {
		t.Fatal(err)
	}
	info := load(t, c, "default").Info()
	all := strings.Join(append(info.Warnings, info.Mode, info.StateKind, info.Bytes[0].Class), "\n")
	if strings.ContainsAny(all, "\x1b\a\u202e") || !strings.Contains(info.Warnings[1], `\u001b]0;owned\u0007\u202e`) {
		t.Errorf("%.300q", all)
	}
	if len(info.Warnings) != mostWarnings+1 || len(info.Warnings[0]) > longestText+100 || info.Warnings[mostWarnings] != "401 more warnings" {
		t.Errorf("%d warnings, the first of %d bytes, the last %q", len(info.Warnings), len(info.Warnings[0]), info.Warnings[len(info.Warnings)-1])
	}
	_, err = c.Load(t.Context(), lm.LoadRequest{Variant: "no" + escape})
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\a\u202e") {
		t.Errorf("%q", err)
	}
}
