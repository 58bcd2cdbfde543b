package run

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/lm"
)

// TestInjectedCauses lets a model, the host or the plan spoil a run in each way. Exactly that must be why its cells of prefill are not
// valid.
func TestInjectedCauses(t *testing.T) {
	for name, tc := range map[string]struct {
		model    func(*lmfake.Architecture)
		watch    watch
		settings string // "": six blocks of f32
		probes   string // besides prefill
		want     result.Validity
		reason   string
	}{
		"nothing":      {want: result.Valid},
		"few blocks":   {settings: "repeats: 5\n", want: result.Suspect, reason: "too few blocks for a 95 % interval: 5, at least 6 are needed"},
		"steal":        {watch: always(record.Reading{Name: host.Steal, Value: 0.5}), want: result.Suspect, reason: "disturbed: 6 of 6 blocks"},
		"little steal": {watch: always(record.Reading{Name: host.Steal, Value: 0.05}), want: result.Valid},
		"times that rise": {model: func(a *lmfake.Architecture) {
			slowAtFirst(a, func(n int) time.Duration { return time.Millisecond + time.Duration(n)*time.Microsecond })
		}, want: result.Suspect, reason: "not stationary: the times rise over 6 blocks"},
		"a clock that is slow": {model: func(a *lmfake.Architecture) { a.Sleep = 20 * time.Millisecond }, want: result.Suspect,
			reason: "clocks disagree: in 6 of 6 blocks the host waited longer than the plugin's time and the boundary explain"},
		"no logits": {model: func(a *lmfake.Architecture) {
			a.Before = func(_ context.Context, call string) error {
				if call == "score" {
					return lm.Errorf(lm.Unsupported, "score", "no logits")
				}
				return nil
			}
		}, want: result.Suspect, reason: "losses not verified: the model gives no logits"},
		"a leak": {model: func(a *lmfake.Architecture) { a.Leak = true }, probes: "  - {probe: causality, grid: {len: 16}}\n",
			want: result.Suspect, reason: "answers not verified: the model sees the future"},
		"answers that change": {model: func(a *lmfake.Architecture) { a.Unsteady = true }, probes: "  - {probe: causality, grid: {len: 16}}\n",
			want: result.Suspect, reason: "answers not verified: the model is not deterministic"},
		"a low precision": {settings: "repeats: 6\nprecisions: [int8]\n", want: result.Valid},
		"a low precision that is not compared": {model: func(a *lmfake.Architecture) { a.Abilities = []lm.Ability{lm.AbilityStep} },
			settings: "repeats: 6\nprecisions: [int8]\n", want: result.Invalid, reason: "speed without quality: its divergence is n/a (no ability versus)"},
	} {
		f := honest()
		if tc.model != nil {
			tc.model(f.all["a"])
		}
		settings := "repeats: 6\n"
		if tc.settings != "" {
			settings = tc.settings
		}
		text := "name: s\nspan: 0s\n" + settings + "probes:\n" + tc.probes + "  - {probe: prefill, grid: {len: 16}}\n"
		o := options(t, f, text, "a")
		if tc.watch != nil {
			o.watch = tc.watch
		}
		r := execute(t, openDB(t), o)
		ix := result.New(r)
		for _, c := range r.All() {
			want := result.Judgement{Validity: tc.want}
			if tc.reason != "" {
				want.Reasons = []string{tc.reason}
			}
			if diff := cmp.Diff(want, ix.Judge(c)); c.Probe == "prefill" && diff != "" {
				t.Errorf("%s:\n%s%v", name, diff, c.Failure)
			}
		}
	}
}
