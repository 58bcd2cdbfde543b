package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"sync/atomic"
)

// SampleLine is a sample as a line of JSON, as WriteSamples writes it.
type SampleLine struct {
	Cell string `json:"cell"` // Cell.ID
	Sample
}

// WriteSamples writes the cell's samples in full precision, one line of JSON each.
func (c *Cell) WriteSamples(w io.Writer) error {
	lines, err := c.lines()
	if err != nil {
		return err
	}
	_, err = w.Write(lines)
	return err
}

// lines are the lines of a cell's samples, as package encoding/json writes a [SampleLine], in a fraction of its time.
func (c *Cell) lines() ([]byte, error) {
	j := jsonLines{quoted: map[string][]byte{}}
	for i := range c.Samples {
		if j.add(c.ID, &c.Samples[i]); j.err != nil {
			return nil, fmt.Errorf("sample %d of cell %.10s: %w", i, c.ID, j.err)
		}
	}
	return j.text, nil
}

// jsonLines writes samples as lines of JSON. The first error stays.
type jsonLines struct {
	text   []byte
	quoted map[string][]byte // words as strings of JSON
	err    error
}

func (j *jsonLines) add(cell string, s *Sample) {
	j.word(`{"cell":`, cell)
	j.word(`,"metric":`, s.Metric)
	j.word(`,"label":`, s.Label)
	j.number(`,"value":`, s.Value)
	j.word(`,"unit":`, s.Unit)
	j.integer(`,"block":`, int64(s.Block))
	j.integer(`,"position":`, int64(s.Position))
	j.integer(`,"host_ns":`, int64(s.Host))
	j.integer(`,"plugin_ns":`, int64(s.Plugin))
	for i, v := range s.Calls {
		key := ","
		if i == 0 {
			key = `,"calls":[`
		}
		j.number(key, v)
	}
	if len(s.Calls) > 0 {
		j.text = append(j.text, ']')
	}
	if s.Dropped != 0 {
		j.integer(`,"dropped":`, int64(s.Dropped))
	}
	if s.Attempt != 0 {
		j.integer(`,"attempt":`, int64(s.Attempt))
	}
	if len(s.Disturbed) > 0 {
		j.value(`,"disturbed":`, s.Disturbed)
	}
	if len(s.Readings) > 0 {
		j.value(`,"readings":`, s.Readings)
	}
	j.text = append(j.text, "}\n"...)
}

func (j *jsonLines) integer(key string, v int64) {
	j.text = strconv.AppendInt(append(j.text, key...), v, 10)
}

func (j *jsonLines) word(key, word string) {
	quoted, known := j.quoted[word]
	if !known {
		quoted = j.encoded(word)
		j.quoted[word] = quoted
	}
	j.text = append(append(j.text, key...), quoted...)
}

func (j *jsonLines) value(key string, v any) {
	j.text = append(append(j.text, key...), j.encoded(v)...)
}

// encoded is a value as package encoding/json writes it.
func (j *jsonLines) encoded(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		j.err = err
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// number writes a number as package encoding/json does: very small and very large ones have an exponent without a leading zero.
func (j *jsonLines) number(key string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		j.err = fmt.Errorf("%v is not a number of JSON", v)
		return
	}
	j.text = append(j.text, key...)
	size := math.Abs(v)
	if size == 0 || size >= 1e-6 && size < 1e21 {
		j.text = strconv.AppendFloat(j.text, v, 'f', -1, 64)
		return
	}
	j.text = strconv.AppendFloat(j.text, v, 'e', -1, 64)
	if n := len(j.text); j.text[n-3] == '-' && j.text[n-2] == '0' {
		j.text = append(j.text[:n-2], j.text[n-1])
	}
}

// Digests are the sha256 of lines of samples; "" if a sample is not finite.
type Digests struct {
	Each []string // of the lines of each cell
	All  string   // of the lines of all cells, one cell after another
}

// DigestsOf returns the digests of cells, on all cores.
func DigestsOf(cells ...*Cell) Digests {
	texts := make([]chan []byte, len(cells))
	for i := range texts {
		texts[i] = make(chan []byte, 1)
	}
	d := Digests{Each: make([]string, len(cells))}
	ahead := make(chan struct{}, 2*runtime.GOMAXPROCS(0)) // bounds the memory of texts that are not yet part of the sum
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for {
				ahead <- struct{}{}
				i := int(next.Add(1)) - 1
				if i >= len(cells) {
					return
				}
				text, err := cells[i].lines()
				if err == nil {
					sum := sha256.Sum256(text)
					d.Each[i] = hex.EncodeToString(sum[:])
				}
				texts[i] <- text
			}
		}()
	}
	whole, sum := true, sha256.New()
	for i := range cells {
		sum.Write(<-texts[i])
		<-ahead
		whole = whole && d.Each[i] != ""
	}
	if whole {
		d.All = hex.EncodeToString(sum.Sum(nil))
	}
	return d
}

// SamplesSHA is the sha256 of the cells' lines of samples, one cell after another; "" if a sample is not finite.
func SamplesSHA(cells ...*Cell) string { return DigestsOf(cells...).All }
