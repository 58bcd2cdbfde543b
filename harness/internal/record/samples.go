package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// SampleLine is a sample as a line of JSON, as WriteSamples writes it.
type SampleLine struct {
	Cell string `json:"cell"` // Cell.ID
	Sample
}

// WriteSamples writes the cell's samples in full precision, one line of JSON each.
func (c *Cell) WriteSamples(w io.Writer) error {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for i := range c.Samples {
		if err := lines.Encode(&SampleLine{c.ID, c.Samples[i]}); err != nil {
			return fmt.Errorf("sample %d of cell %.10s: %w", i, c.ID, err)
		}
	}
	return nil
}

// SamplesSHA is the sha256 of the cells' lines of samples, one cell after another; "" if a sample is not finite.
func SamplesSHA(cells ...*Cell) string {
	sum := sha256.New()
	for _, c := range cells {
		if err := c.WriteSamples(sum); err != nil {
			return ""
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
