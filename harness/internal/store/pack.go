package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
)

// Samples are stored packed, one after another without a separator, so the samples of a cell are the concatenation of those of
// its attempts. A sample is
//
//	block attempt metric label unit value position host plugin dropped calls disturbed readings
//
// Integers are varints as in package encoding/binary, with sign. Numbers are float64 in eight bytes, little-endian. Words are
// a length and bytes. Lists are a length and elements; that of calls is one more than their number, 0 for none. A reading is a
// word, a number and a word.

// pack appends a packed sample.
func pack(b []byte, s *record.Sample) []byte {
	integers := func(list ...int64) {
		for _, v := range list {
			b = binary.AppendVarint(b, v)
		}
	}
	words := func(list ...string) {
		for _, w := range list {
			b = append(binary.AppendVarint(b, int64(len(w))), w...)
		}
	}
	number := func(v float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }

	integers(int64(s.Block), int64(s.Attempt))
	words(s.Metric, s.Label, s.Unit)
	number(s.Value)
	integers(int64(s.Position), int64(s.Host), int64(s.Plugin), int64(s.Dropped))
	if s.Calls == nil {
		integers(0)
	} else {
		integers(int64(len(s.Calls)) + 1)
	}
	for _, v := range s.Calls {
		number(v)
	}
	integers(int64(len(s.Disturbed)))
	words(s.Disturbed...)
	integers(int64(len(s.Readings)))
	for _, r := range s.Readings {
		words(r.Name)
		number(r.Value)
		words(r.Reason)
	}
	return b
}

// unpack returns the samples of a cell, of which there are count.
func unpack(data []byte, count int) ([]record.Sample, error) {
	if count == 0 && len(data) == 0 {
		return nil, nil
	}
	u := unpacker{data: data, known: map[string]string{}}
	samples := make([]record.Sample, 0, min(max(count, 0), len(data)))
	for len(u.data) > 0 {
		samples = append(samples, u.sample())
	}
	if u.damaged || len(samples) != count {
		return nil, fmt.Errorf("%w: %d samples cannot be read", ErrDamaged, count)
	}
	return samples, nil
}

// unpacker reads packed samples. Damage ends the data.
type unpacker struct {
	data    []byte
	damaged bool
	known   map[string]string // words, each once in memory
	free    []float64         // memory for lists of numbers
}

func (u *unpacker) sample() (s record.Sample) {
	s.Block, s.Attempt = u.integer(), u.integer()
	s.Metric, s.Label, s.Unit = u.word(), u.word(), u.word()
	s.Value = u.number()
	s.Position, s.Host, s.Plugin, s.Dropped = u.integer(), u.duration(), u.duration(), u.integer()
	if n := u.integer() - 1; n >= 0 {
		s.Calls = u.numbers(n)
	}
	for range u.length(1) {
		s.Disturbed = append(s.Disturbed, u.word())
	}
	if n := u.length(leastReading); n > 0 {
		s.Readings = make([]record.Reading, n)
		for i := range s.Readings {
			s.Readings[i] = record.Reading{Name: u.word(), Value: u.number(), Reason: u.word()}
		}
	}
	return s
}

const (
	numberBytes  = 8
	leastReading = 1 + numberBytes + 1
	// chunk is how many numbers are allocated at once.
	chunk = 4096
)

func (u *unpacker) damage() {
	u.data, u.damaged = nil, true
}

func (u *unpacker) int64() int64 {
	v, n := binary.Varint(u.data)
	if n <= 0 {
		u.damage()
		return 0
	}
	u.data = u.data[n:]
	return v
}

func (u *unpacker) integer() int { return int(u.int64()) }

func (u *unpacker) duration() time.Duration { return time.Duration(u.int64()) }

// length reads the length of a list whose elements have at least size bytes each.
func (u *unpacker) length(size int) int {
	n := u.integer()
	if n < 0 || n > len(u.data)/size {
		u.damage()
		return 0
	}
	return n
}

func (u *unpacker) word() string {
	n := u.length(1)
	text := u.data[:n]
	u.data = u.data[n:]
	known, ok := u.known[string(text)]
	if !ok {
		known = string(text)
		u.known[known] = known
	}
	return known
}

func (u *unpacker) number() float64 {
	if len(u.data) < numberBytes {
		u.damage()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(u.data))
	u.data = u.data[numberBytes:]
	return v
}

func (u *unpacker) numbers(n int) []float64 {
	if n > len(u.data)/numberBytes {
		u.damage()
		return nil
	}
	if len(u.free) < n {
		u.free = make([]float64, max(n, chunk))
	}
	list := u.free[:n:n]
	u.free = u.free[n:]
	for i := range list {
		list[i] = u.number()
	}
	return list
}

// attempt is the packed samples of an attempt at a block.
type attempt struct {
	block, number, count int
	samples              []byte
}

// attemptsOf packs samples by attempt.
func attemptsOf(samples []record.Sample) ([]*attempt, error) {
	type place struct{ block, attempt int }
	at := map[place]*attempt{}
	var all []*attempt
	for i := range samples {
		s := &samples[i]
		if math.IsNaN(s.Value) || slices.ContainsFunc(s.Calls, math.IsNaN) {
			return nil, fmt.Errorf("sample %d: %s is not a number", i, s.Metric)
		}
		a := at[place{s.Block, s.Attempt}]
		if a == nil {
			a = &attempt{block: s.Block, number: s.Attempt}
			at[place{s.Block, s.Attempt}], all = a, append(all, a)
		}
		a.samples = pack(a.samples, s)
		a.count++
	}
	return all, nil
}

func insertSamples(ctx context.Context, tx *sql.Tx, cell int64, samples []record.Sample) error {
	all, err := attemptsOf(samples)
	if err != nil {
		return err
	}
	return insert(ctx, tx, "attempts", len(all), func(i int) []column {
		a := all[i]
		return []column{{"cell", cell}, {"block", a.block}, {"attempt", a.number}, {"count", a.count}, {"samples", a.samples}}
	})
}

// packAll moves the rows of table samples, where a sample is one row, to table attempts.
func packAll(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT cell, `+names(sampleColumns(new(record.Sample)))+` FROM samples AS s ORDER BY cell, block, attempt, seq`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var of int64 // the cell that the samples are of
	var samples []record.Sample
	for rows.Next() {
		var cell int64
		var s record.Sample
		if err := rows.Scan(append([]any{&cell}, values(sampleColumns(&s))...)...); err != nil {
			return err
		}
		if cell != of {
			if err := insertSamples(ctx, tx, of, samples); err != nil {
				return err
			}
			of, samples = cell, samples[:0]
		}
		samples = append(samples, s)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if err := insertSamples(ctx, tx, of, samples); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DROP TABLE samples`)
	return err
}
