package checkpoint

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/internal/sharedtest"
)

// bundled maps the models shipped with the repository to the trained checkpoints they were made from.
var bundled = map[string]string{
	"gpt2-3m": "gpt2-3m", "mistral-3m": "mistral-3m", "mamba-3m": "mamba-3m", "bk-3m": "bk-row-3m",
}

// TestBundledModels checks the bundled folders on their own.
func TestBundledModels(t *testing.T) {
	for name := range bundled {
		dir := filepath.Join(sharedtest.RepoRoot(t), "models", name)
		f := open(t, dir)
		card, err := f.Card()
		if err != nil || card == nil {
			t.Errorf("%s: card %v, %v", name, card, err)
			continue
		}
		if card.Name != name || card.TrainedContext != 512 || card.SourceSHA256 == "" || len(card.TrainedOn) != 4 || len(card.HeldOutGoPackages) != 17 {
			t.Errorf("%s: card %+v", name, card)
		}
		var parameters, size int64
		for _, tensor := range f.Names() {
			info, _ := f.Info(tensor)
			parameters += int64(info.Elements())
			size += info.Bytes()
			if want := storedAs(tensor, info.Shape, safetensors.BF16); info.DType != want {
				t.Errorf("%s: tensor %q is %s, want %s", name, tensor, info.DType, want)
			}
		}
		if parameters != card.Parameters || size > 6e6 {
			t.Errorf("%s: %d parameters in %d bytes, the card says %d", name, parameters, size, card.Parameters)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "README.md")); err != nil || !bytes.Contains(text, []byte(card.SourceSHA256)) {
			t.Errorf("%s: README.md does not name the source: %v", name, err)
		}
	}
}

// TestBundledModelsAreReproducible converts the trained checkpoints again.
func TestBundledModelsAreReproducible(t *testing.T) {
	for name, source := range bundled {
		src := sharedtest.Dir(t, "checkpoints/"+source)
		dst := filepath.Join(t.TempDir(), name)
		if _, err := Convert(src, dst, safetensors.BF16); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(sharedtest.RepoRoot(t), "models", name)
		for _, file := range []string{WeightsFile, ConfigFile, TokenizerFile} {
			want, errWant := os.ReadFile(filepath.Join(dst, file))
			got, errGot := os.ReadFile(filepath.Join(dir, file))
			if errWant != nil || errGot != nil || !bytes.Equal(want, got) {
				t.Errorf("%s/%s is not what the conversion gives (%v, %v)", name, file, errWant, errGot)
			}
		}
		sum, err := open(t, src).SHA256()
		if card, _ := ReadCard(dir); err != nil || card == nil || card.SourceSHA256 != sum {
			t.Errorf("%s: card %+v, want source %s (%v)", name, card, sum, err)
		}
	}
}
