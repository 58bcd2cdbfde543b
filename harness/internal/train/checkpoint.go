package train

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
)

// Files of a checkpoint beside those of the plugin and the tokenizer.
const (
	progressFile   = "progress.json"
	provenanceFile = "provenance.json"
)

// progress is the state of a training at a checkpoint, apart from what the plugin saves.
type progress struct {
	Update     int64             `json:"update"` // batches given, also those without an update
	Tokens     int64             `json:"tokens"`
	FLOPs      float64           `json:"flops"`
	Elapsed    time.Duration     `json:"elapsed_ns"`
	Order      string            `json:"order_sha256"` // of what was given
	Attempt    int               `json:"attempt"`      // recoveries so far
	RateFactor float64           `json:"rate_factor"`  // product of what recoveries made of the learning rate
	MicroBatch int               `json:"micro_batch"`
	Options    map[string]string `json:"options,omitempty"` // config keys that recoveries changed
	First      []Measure         `json:"first,omitempty"`
	Last       []Measure         `json:"last,omitempty"`
	LastAt     int64             `json:"last_at"`
	Best       []Measure         `json:"best,omitempty"`
	BestAt     int64             `json:"best_at"`
	Events     int               `json:"events"`  // of the monitors so far
	Regular    string            `json:"regular"` // the last checkpoint that was evaluated
	Then       int               `json:"then"`    // Events when it was made
	Monitor    monitor           `json:"monitor"`
}

// Provenance says where the weights of a checkpoint come from. It is stored as provenance.json beside them.
type Provenance struct {
	Version      string           `json:"version"` // of archbench
	Created      time.Time        `json:"created"`
	Training     string           `json:"training"`
	Update       int64            `json:"update"`
	Tokens       int64            `json:"tokens"`
	FLOPs        float64          `json:"flops"`
	Architecture string           `json:"architecture"`
	Mode         string           `json:"mode,omitempty"`
	Causal       bool             `json:"causal"`
	ConfigSHA    string           `json:"config_sha256"`
	PluginSHA    string           `json:"plugin_sha256"`
	Kernels      string           `json:"kernels"`
	Seed         uint64           `json:"seed"`
	Optimizer    lm.Optimizer     `json:"optimizer"`
	Schedule     Schedule         `json:"schedule"`
	Data         string           `json:"data"`
	DataSHA      string           `json:"data_sha256"`
	OrderSHA     string           `json:"order_sha256"`
	Tokenizer    record.Tokenizer `json:"tokenizer"`
	Measures     []Measure        `json:"measures"`
	MeasuredAt   int64            `json:"measured_at"` // update
	Host         record.Host      `json:"host"`
	// Tensors holds the sha256 of the bytes of each tensor, by file and name.
	Tensors map[string]map[string]string `json:"tensors"`
	// Files holds the sha256 of the other files that the model needs.
	Files map[string]string `json:"files"`
}

// save writes a checkpoint of the present state and makes it the last. One that was evaluated makes the evaluated one before it
// the stable one, if the monitors have seen nothing since.
func (t *trainer) save(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("save update %d: %w; the checkpoints before it are as they were", t.now.Update, err)
		}
	}()
	evaluated, stable := t.now.LastAt == t.now.Update, t.folder.linked(stableLink)
	name := name(t.now.Update, t.now.Attempt, evaluated)
	if t.folder.linked(lastLink) == name {
		return nil
	}
	if evaluated {
		if stable == "" || t.now.Events == t.now.Then {
			stable = cmp.Or(t.now.Regular, name)
		}
		t.now.Regular, t.now.Then = name, t.now.Events
	}
	if err := t.write(ctx, name); err != nil {
		return err
	}
	if err := t.relink(name, stable); err != nil {
		return err
	}
	return t.folder.sweep(t.now.Regular)
}

// write writes a checkpoint under a temporary name and renames it.
func (t *trainer) write(ctx context.Context, name string) error {
	temporary, err := os.MkdirTemp(t.folder.join(checkpoints), ".saving-")
	if err != nil {
		return err
	}
	if err := t.fill(ctx, temporary); err != nil {
		return errors.Join(err, os.RemoveAll(temporary))
	}
	final := t.folder.join(checkpoints, name)
	if err := os.RemoveAll(final); err != nil { // from a process that was killed before it made the link
		return err
	}
	return errors.Join(os.Chmod(temporary, 0o755), os.Rename(temporary, final))
}

// relink points the links to a new checkpoint. The link to the last is the one that completes it.
func (t *trainer) relink(name, stable string) error {
	if err := t.folder.link(stableLink, cmp.Or(stable, name)); err != nil {
		return err
	}
	if t.now.Best != nil && t.now.BestAt == t.now.Update || t.folder.linked(bestLink) == "" {
		if err := t.folder.link(bestLink, name); err != nil {
			return err
		}
	}
	return t.folder.link(lastLink, name)
}

// fill writes the files of a checkpoint.
func (t *trainer) fill(ctx context.Context, dir string) error {
	if err := t.training.Save(ctx, dir); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(t.companions)) {
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), t.companions[name]); err != nil {
			return err
		}
	}
	if err := t.card().Write(dir); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, progressFile), t.now); err != nil {
		return err
	}
	p := t.provenance()
	var err error
	if p.Tensors, p.Files, err = sums(dir); err != nil {
		return err
	}
	p.ConfigSHA = p.Files[checkpoint.ConfigFile]
	return writeJSON(filepath.Join(dir, provenanceFile), p)
}

// card describes the model for reports.
func (t *trainer) card() *checkpoint.Card {
	info, about := t.model.Info(), t.data.About()
	licence := about.Licence
	if licence == "" {
		licence = "not known to archbench"
	}
	return &checkpoint.Card{
		Name: filepath.Base(t.folder.path), Architecture: info.Architecture, Parameters: info.Parameters, TrainedContext: about.Length, TokensSeen: t.now.Tokens,
		Summary:   fmt.Sprintf("trained by archbench in %d updates (training %s)", t.now.Update, t.record.ID),
		TrainedOn: []checkpoint.Text{{Name: about.Name, Tokens: t.now.Tokens, Share: 1, Licence: licence}},
		Precision: info.Precision,
	}
}

func (t *trainer) provenance() *Provenance {
	info := t.model.Info()
	return &Provenance{
		Version: t.record.Version, Created: time.Now().UTC(), Training: t.record.ID, Update: t.now.Update, Tokens: t.now.Tokens, FLOPs: t.now.FLOPs,
		Architecture: info.Architecture, Mode: info.Mode, Causal: info.Causal, PluginSHA: t.plan.PluginSHA, Kernels: info.Kernels, Seed: t.plan.Seed,
		Optimizer: t.plan.Optimizer, Schedule: t.plan.Schedule, Data: t.record.Data, DataSHA: t.record.DataSHA, OrderSHA: t.now.Order,
		Tokenizer: t.record.Model.Tokenizer, Measures: t.now.Last, MeasuredAt: t.now.LastAt, Host: t.record.Host,
	}
}

// sums hashes the tensors of a folder's safetensors files, and its other files.
func sums(dir string) (tensors map[string]map[string]string, files map[string]string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	tensors, files = map[string]map[string]string{}, map[string]string{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Name() == provenanceFile || !e.Type().IsRegular():
		case strings.HasSuffix(e.Name(), ".safetensors"):
			tensors[e.Name()], err = tensorSums(path)
		default:
			files[e.Name()], err = fileSum(path)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return tensors, files, nil
}

func tensorSums(path string) (map[string]string, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := map[string]string{}
	for _, name := range f.Names() {
		raw, err := f.Raw(name)
		if err != nil {
			return nil, err
		}
		all[name] = sum(raw)
	}
	return all, nil
}

// fileSum hashes a file without holding it in memory.
func fileSum(path string) (string, error) {
	f, err := regularfile.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// verify checks that a checkpoint is as it was saved.
func verify(dir string) (*Provenance, error) {
	var p Provenance
	if err := readJSON(filepath.Join(dir, provenanceFile), &p); err != nil {
		return nil, err
	}
	tensors, files, err := sums(dir)
	if err != nil {
		return nil, wrong{ErrFolder, fmt.Errorf("checkpoint %s is damaged: %w", dir, err)}
	}
	for _, file := range slices.Sorted(maps.Keys(p.Tensors)) {
		for _, tensor := range slices.Sorted(maps.Keys(p.Tensors[file])) {
			if tensors[file][tensor] != p.Tensors[file][tensor] {
				return nil, changed(dir, fmt.Sprintf("tensor %q of %s", tensor, file))
			}
		}
	}
	for _, file := range slices.Sorted(maps.Keys(p.Files)) {
		if files[file] != p.Files[file] {
			return nil, changed(dir, file)
		}
	}
	return &p, nil
}

func changed(dir, what string) error {
	return wrong{ErrFolder, fmt.Errorf("checkpoint %s: %s has changed since it was saved, so the training cannot go on exactly; "+
		"start a new one from weights that you trust, with --model DIR", dir, what)}
}
