package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
)

// The files that Save adds to a checkpoint.
const (
	trainingFile = "training.json"        // a savedTraining
	momentsFile  = "training.safetensors" // the optimizer's moments, and the states of documents
)

// savedTraining describes a saved training. With the tensors of momentsFile and the checkpoint it is all that a resumed
// training needs: random draws are functions of the seed and the number of updates.
type savedTraining struct {
	Version      int               `json:"version"` // of this format
	Architecture string            `json:"architecture"`
	Plugin       string            `json:"plugin_version"`
	Mode         string            `json:"mode"`
	Causal       bool              `json:"causal"`
	Created      time.Time         `json:"created_at"`
	Updates      int64             `json:"updates"`
	Seed         uint64            `json:"seed"`
	Optimizer    savedOptimizer    `json:"optimizer"`
	Precision    string            `json:"precision"`
	Documents    int               `json:"documents"` // with a state
	ConfigSHA256 string            `json:"config_sha256"`
	Weights      map[string]string `json:"weights_sha256"`  // by tensor of model.safetensors
	State        map[string]string `json:"training_sha256"` // by tensor of training.safetensors
}

// savedOptimizer is an lm.Optimizer with names for the file.
type savedOptimizer struct {
	Name    string             `json:"name"`
	Options map[string]float64 `json:"options"`
}

// trainingVersion is the version of the saved format.
const trainingVersion = 1

// momentNames are the prefixes of the moments' tensors; the rest is the parameter's name.
var momentNames = [2]string{"moment1.", "moment2."}

// Save implements lm.Training.
func (t *training) Save(ctx context.Context, dir string) error {
	return t.model.compute(ctx, "save training", func(*lane) error {
		switch {
		case t.ended != nil:
			return t.ended
		case t.pending:
			return lm.Errorf(lm.Invalid, "", "a gradient is pending: save after its update")
		}
		if err := t.save(dir); err != nil {
			return &lm.Error{Kind: lm.Resource, Err: err}
		}
		return nil
	})
}

func (t *training) save(dir string) error {
	stored, err := t.model.params.Tensors()
	if err != nil {
		return err
	}
	weights := checkpointTensors(stored)
	state, err := t.stateTensors()
	if err != nil {
		return err
	}
	description, err := t.saved(weights, state)
	if err != nil {
		return err
	}
	moments, err := safetensors.Encode(state, nil)
	if err != nil {
		return err
	}
	return checkpoint.Save(dir, t.model.net.Config(), weights,
		checkpoint.File{Name: momentsFile, Content: moments},
		checkpoint.File{Name: trainingFile, Content: func(w io.Writer) error { _, err := w.Write(description); return err }})
}

// stateTensors returns the moments and the carried states.
func (t *training) stateTensors() (list []safetensors.Tensor, err error) {
	for i, prefix := range momentNames {
		values := map[string][]float32{}
		for k, p := range t.params {
			values[p.Name] = t.moments[i][k]
		}
		for _, tensor := range checkpointTensors(t.model.params.StoredAs(func(p *nn.Param) []float32 { return values[p.Name] })) {
			tensor.Name = prefix + tensor.Name
			list = append(list, tensor)
		}
	}
	for i, d := range t.carried {
		var b bytes.Buffer
		if err := d.Save(&b); err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		list = append(list, safetensors.Tensor{Name: documentName(i), DType: safetensors.U8, Shape: []int{b.Len()}, Raw: b.Bytes()})
	}
	return list, nil
}

// documentName is the name of the tensor that holds a document's state.
func documentName(i int) string { return fmt.Sprintf("document.%d", i) }

// saved returns the content of trainingFile.
func (t *training) saved(weights, state []safetensors.Tensor) ([]byte, error) {
	m := t.model
	s := savedTraining{
		Version: trainingVersion, Architecture: m.info.Architecture, Plugin: Version, Mode: m.info.Mode, Causal: m.info.Causal,
		Created: time.Now().UTC().Truncate(time.Second), Updates: t.info.Updates, Seed: t.seed, Optimizer: savedOptimizer(t.info.Optimizer),
		Precision: t.info.Precision, Documents: len(t.carried), ConfigSHA256: digest(m.net.Config()),
	}
	var errWeights, errState error
	s.Weights, errWeights = digests(weights)
	s.State, errState = digests(state)
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), errors.Join(errWeights, errState, err)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// digests returns the sha256 of every tensor's content.
func digests(tensors []safetensors.Tensor) (map[string]string, error) {
	sums := map[string]string{}
	for _, tensor := range tensors {
		sum, err := tensor.SHA256()
		if err != nil {
			return nil, err
		}
		sums[tensor.Name] = sum
	}
	return sums, nil
}

// resume reads the training that was saved with the model's weights.
func (t *training) resume(req lm.TrainingRequest) (s savedTraining, err error) {
	path := filepath.Join(req.Resume, trainingFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, lm.Errorf(lm.NotFound, "", "resume: %s has no %s: it is not the folder of a saved training", req.Resume, trainingFile)
	case err != nil:
		return s, &lm.Error{Kind: lm.Resource, Err: fmt.Errorf("resume: %w", err)}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, lm.Errorf(lm.Corrupt, "", "resume: %s: %w", path, err)
	}
	if s.Version != trainingVersion {
		return s, lm.Errorf(lm.Unsupported, "", "resume: %s has version %d of the format, this plugin reads %d", path, s.Version, trainingVersion)
	}
	if err := t.checkWeights(req.Resume, s); err != nil {
		return s, err
	}
	if err := checkOptimizer(req.Optimizer, lm.Optimizer(s.Optimizer)); err != nil {
		return s, err
	}
	return s, t.readState(req.Resume, s)
}

// checkWeights returns an error unless the model has the weights of the saved training.
func (t *training) checkWeights(dir string, s savedTraining) error {
	stored, err := t.model.params.Tensors()
	if err != nil {
		return err
	}
	sums, err := digests(checkpointTensors(stored))
	if err != nil {
		return err
	}
	for name, sum := range sums {
		if s.Weights[name] != sum {
			return lm.Errorf(lm.Invalid, "", "resume: the model's tensor %q is not the one saved in %s: load the model from that folder; if it is, the file is damaged", name, dir)
		}
	}
	return nil
}

// checkOptimizer returns an error if a request to resume names another optimizer than the saved one.
func checkOptimizer(asked, saved lm.Optimizer) error {
	if asked.Name != "" && asked.Name != saved.Name {
		return lm.Errorf(lm.Invalid, "", "resume: the optimizer is %s, not %s", saved.Name, asked.Name)
	}
	for key, v := range asked.Options {
		if own, ok := saved.Options[key]; !ok || own != v {
			return lm.Errorf(lm.Invalid, "", "resume: option %s is saved as %v, not %v: leave it out", key, own, v)
		}
	}
	return nil
}

// readState reads the moments and the carried states, whose sha256 must be those saved.
func (t *training) readState(dir string, s savedTraining) error {
	f, err := safetensors.Open(filepath.Join(dir, momentsFile))
	if err != nil {
		return &lm.Error{Kind: lm.Corrupt, Err: fmt.Errorf("resume: %w", err)}
	}
	defer f.Close()
	if err := t.readTensors(f, s); err != nil {
		return &lm.Error{Kind: lm.Corrupt, Err: fmt.Errorf("resume: %s: %w", f.Path(), err)}
	}
	return nil
}

func (t *training) readTensors(f *safetensors.File, s savedTraining) error {
	for name, want := range s.State {
		raw, err := f.Raw(name)
		if err != nil {
			return err
		}
		if digest(raw) != want {
			return fmt.Errorf("tensor %q is damaged: its sha256 is not the one in %s", name, trainingFile)
		}
	}
	for i, prefix := range momentNames {
		for k, p := range t.params {
			values, err := f.Widen(prefix + p.Name)
			if err != nil {
				return err
			}
			if len(values) != len(p.W) {
				return fmt.Errorf("tensor %q has %d values, want %d", prefix+p.Name, len(values), len(p.W))
			}
			p.FromStored(t.moments[i][k], values)
		}
	}
	return t.readDocuments(f, s.Documents)
}

// readDocuments reads the states that documents carry on from.
func (t *training) readDocuments(f *safetensors.File, n int) error {
	for i := range n {
		raw, err := f.Raw(documentName(i))
		if err != nil {
			return err
		}
		st := t.model.net.NewState()
		if st == nil {
			return errors.New("the model carries no state, but one is saved")
		}
		if err := st.Load(bytes.NewReader(raw)); err != nil {
			return fmt.Errorf("document %d: %w", i, err)
		}
		t.carried = append(t.carried, st)
	}
	return nil
}
