package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// noise is what the latest run that compared a model with itself by a probe shows of the host.
type noise struct {
	run  *record.Run
	logs []float64
}

// leastNoise is how many blocks of noise tell what ten blocks of four models can detect.
const leastNoise = 15

// age says how old the noise is.
func (n noise) age() string {
	age := time.Since(n.run.Started)
	switch {
	case age >= 48*time.Hour:
		return result.Describe(int(age/(24*time.Hour)), "day") + " old"
	case age >= 2*time.Hour:
		return result.Describe(int(age/time.Hour), "hour") + " old"
	}
	return result.Describe(int(age/time.Minute), "minute") + " old"
}

// loadNoise finds the noise of this host by timing probe, as models that are wanted show it. What is not known has no entry.
func (a *app) loadNoise(ctx context.Context, wanted func(*record.Model) bool) (map[string]noise, error) {
	if _, err := os.Stat(a.db); err != nil {
		return nil, nil //nolint:nilerr // a database that is not there yet holds no noise
	}
	db, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return noiseIn(ctx, db, wanted)
}

func noiseIn(ctx context.Context, db *store.DB, wanted func(*record.Model) bool) (map[string]noise, error) {
	ids, err := db.SelfCompared(ctx, host.Describe().Fingerprint)
	if err != nil {
		return nil, err
	}
	known := map[string]noise{}
	for _, id := range ids {
		if len(known) == len(timingProbes()) {
			break
		}
		r, err := db.LoadRun(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, name := range timingProbes() {
			if logs := result.Noise(r, name, wanted); known[name].run == nil && len(logs) >= leastNoise {
				known[name] = noise{r, logs}
			}
		}
	}
	return known, nil
}

func timingProbes() (names []string) {
	for _, p := range probe.Table {
		if p.Timing {
			names = append(names, p.Name)
		}
	}
	return names
}

// doctorNoise is the command that measures the noise of the host.
func (a *app) doctorNoise(threads int) string {
	command := "archbench doctor --noise" + a.dbFlag()
	if threads > 0 {
		command += fmt.Sprintf(" --threads %d", threads)
	}
	return command
}

// noisePlan says what --set makes of the suite speed to measure the noise: two points of each probe, which every model reaches.
var noisePlan = []string{"len=128,384", "depth=128,384", "batch=1", "repeats=20"}

// measureNoise compares a model with itself in a run of the database.
func (a *app) measureNoise(ctx context.Context, threads int, corpus string) error {
	model, err := noiseModel(ctx, newCatalog(lmplugin.List(), a.warn))
	if err != nil {
		return err
	}
	o, err := a.options(ctx, []string{"speed"}, runFlags{
		models: modelFlags{models: []string{"a=" + model, "b=" + model}, threads: threads}, set: noisePlan,
		corpus: corpus, seed: 1, maxCells: run.MostCells, maxRepeats: run.MostRepeats,
	})
	if err != nil {
		return err
	}
	db, err := a.create(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	id, err := a.measure(ctx, db, o)
	if err != nil {
		return err
	}
	r, err := db.LoadRun(ctx, id)
	if err == nil && r.Count(record.Failed) > 0 {
		a.warn(fmt.Sprintf("cells of %s that measures the noise failed: archbench show %s%s says why", model, id, a.dbFlag()))
	}
	return err
}

// noiseModel names a model to compare with itself: the first shipped one, or else a plugin's with new weights.
func noiseModel(ctx context.Context, plugins *catalog) (string, error) {
	var names []string
	for _, name := range installed() {
		if _, err := shippedModel(name); err == nil {
			return name, nil
		}
		if !plugins.has(ctx, name, lm.AbilityCalibrate) {
			names = append(names, name+":init:1")
		}
	}
	if names == nil {
		return "", usage("--noise: found no plugin with a model; archbench doctor shows the search path")
	}
	return names[0], nil
}
