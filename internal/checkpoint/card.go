package checkpoint

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/internal/strictjson"
)

// Card describes where a model comes from, for reports and their readers. It is stored as card.json beside the weights;
// README.md says the same in prose.
type Card struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"` // bk, gpt2, mamba, mistral, ...
	Summary      string `json:"summary,omitempty"`
	Parameters   int64  `json:"parameters,omitempty"`
	// TrainedContext is the longest context seen in training, in tokens; 0: unknown. Loss beyond it is extrapolation.
	TrainedContext int    `json:"trained_context,omitempty"`
	TokensSeen     int64  `json:"tokens_seen,omitempty"` // in training, including repeats
	TrainedOn      []Text `json:"trained_on,omitempty"`
	// HeldOutGoPackages lists the import paths of packages of the Go source tree, without sub-packages, that were used
	// neither for training nor for choosing the checkpoint: text for a fair test.
	HeldOutGoPackages []string `json:"held_out_go_packages,omitempty"`
	Precision         string   `json:"precision,omitempty"` // how the weights are stored
	SourceSHA256      string   `json:"source_sha256,omitempty"`
	Notes             []string `json:"notes,omitempty"` // caveats for readers of results
}

// Text is a corpus that a model was trained on.
type Text struct {
	Name      string  `json:"name"`
	Documents int     `json:"documents,omitempty"`
	Bytes     int64   `json:"bytes,omitempty"`
	Tokens    int64   `json:"tokens,omitempty"`
	Share     float64 `json:"share,omitempty"` // fraction of the training blocks, 0 to 1
	Licence   string  `json:"licence"`
}

// Card reads the folder's card.json. It returns nil without an error if there is none.
func (f *Folder) Card() (*Card, error) { return ReadCard(f.dir) }

// ReadCard reads card.json of a model folder. It returns nil without an error if there is none.
func ReadCard(dir string) (*Card, error) {
	path := filepath.Join(dir, CardFile)
	text, err := regularfile.Read(path, maxSettings)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read model card: %w", err)
	}
	var c Card
	if err = strictjson.Unmarshal(text, &c); err == nil {
		err = c.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("read model card %s: %w", path, err)
	}
	return &c, nil
}

// Validate returns an error that describes what is wrong with the card.
func (c *Card) Validate() error {
	switch sum, err := hex.DecodeString(c.SourceSHA256); {
	case c.Name == "":
		return errors.New("name is empty")
	case c.Architecture == "":
		return errors.New("architecture is empty")
	case c.Parameters < 0 || c.TrainedContext < 0 || c.TokensSeen < 0:
		return errors.New("parameters, trained_context and tokens_seen must not be negative")
	case c.SourceSHA256 != "" && (err != nil || len(sum) != 32):
		return fmt.Errorf("source_sha256 %q is not a sha256 in hexadecimal", c.SourceSHA256)
	}
	for i, text := range c.TrainedOn {
		if text.Name == "" || text.Licence == "" {
			return fmt.Errorf("trained_on[%d] needs a name and a licence", i)
		}
		if text.Documents < 0 || text.Bytes < 0 || text.Tokens < 0 || text.Share < 0 || text.Share > 1 {
			return fmt.Errorf("trained_on[%d] (%s): counts must not be negative and the share must be from 0 to 1", i, text.Name)
		}
	}
	return nil
}

// Write stores the card in a model folder.
func (c *Card) Write(dir string) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("write model card: %w", err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(c); err != nil {
		return fmt.Errorf("write model card: %w", err)
	}
	return atomicfile.WriteBytes(filepath.Join(dir, CardFile), b.Bytes())
}
