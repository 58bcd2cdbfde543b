package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// What a recovery changes.
const (
	lowerRate = 0.5 // factor of the learning rate
	damping   = 1.5 // factor of dampingKey
	mostDamp  = 1.0
)

// dampingKey is the config key of models with a resolvent (ResNet-BK) for the least distance of its argument from the spectrum.
// A larger one makes the memory shorter and the gradients smaller.
const dampingKey = "eta_min"

// recover goes back to the last stable checkpoint with a lower learning rate and, where the model has one, more damping.
func (t *trainer) recover(ctx context.Context, f finding) error {
	name := t.folder.linked(stableLink)
	changes := progress{RateFactor: lowerRate * t.now.RateFactor, MicroBatch: t.now.MicroBatch, Options: t.now.Options}
	action := fmt.Sprintf("back to update %s; learning rate × %g", updateOf(name), changes.RateFactor)
	if damped, ok := moreDamping(t.model.Info().Config); ok {
		changes.Options = merged(changes.Options, map[string]string{dampingKey: damped})
		action += "; " + dampingKey + " " + damped
	}
	t.event(f.kind, f.detail, action)
	return t.goBack(ctx, name, changes)
}

// halve goes back to the last checkpoint with half as many documents in a step. The updates stay what they were, up to rounding.
func (t *trainer) halve(ctx context.Context, cause error) error {
	name := t.folder.linked(lastLink)
	changes := progress{RateFactor: t.now.RateFactor, MicroBatch: (t.now.MicroBatch + 1) / 2, Options: t.now.Options}
	t.now.Events++
	t.event(OutOfMemory, cause.Error(), fmt.Sprintf("back to update %s; steps of %d documents instead of %d", updateOf(name), changes.MicroBatch, t.now.MicroBatch))
	return t.goBack(ctx, name, changes)
}

// goBack loads a checkpoint and makes another from it, as of the next attempt, which holds the changes.
func (t *trainer) goBack(ctx context.Context, name string, changes progress) error {
	before := t.now
	if err := t.unload(); err != nil { // the process is gone, or in doubt
		t.session.Kill()
		t.session = nil
		if err := t.start(ctx); err != nil {
			return errors.Join(errors.New("recovery: the plugin does not start again"), err)
		}
	}
	if err := t.restore(ctx, t.folder.join(checkpoints, name), changes.Options); err != nil {
		return fmt.Errorf("recovery: %w", err)
	}
	t.now.Attempt, t.now.Events, t.now.Elapsed = before.Attempt+1, before.Events, t.elapsed()
	t.now.RateFactor, t.now.MicroBatch, t.now.Options = changes.RateFactor, changes.MicroBatch, changes.Options
	if better(before.Best, t.now.Best) {
		t.now.Best, t.now.BestAt = before.Best, before.BestAt
	}
	if err := t.save(ctx); err != nil {
		return err
	}
	t.event(Recovery, "continues from "+filepath.Base(name), "")
	return t.journal.flush(ctx, true)
}

// updateOf is the update of a checkpoint by its name.
func updateOf(name string) string {
	number, _, _ := strings.Cut(name, "-")
	return strings.TrimLeft(number[:len(number)-1], "0") + number[len(number)-1:]
}

// moreDamping returns the next value of the damping in a config, if it has one.
func moreDamping(config string) (value string, ok bool) {
	var keys map[string]json.RawMessage
	if json.Unmarshal([]byte(config), &keys) != nil {
		return "", false
	}
	now, err := strconv.ParseFloat(string(keys[dampingKey]), 64)
	if err != nil || now <= 0 || now >= mostDamp {
		return "", false
	}
	return strconv.FormatFloat(min(mostDamp, damping*now), 'g', 6, 64), true
}

// outOfMemory reports whether the plugin ran out of memory, and lives or died of it.
func outOfMemory(err error) bool {
	exit, died := errors.AsType[*lmplugin.ExitError](err)
	return died && exit.Class == lmplugin.OutOfMemory || err != nil && lm.KindOf(err) == lm.Resource
}
