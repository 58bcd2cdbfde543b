package exchange

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
)

// TensorBoard writes trainings as event files, which TensorBoard, Trackio, Aim and W&B read. A file is a sequence of records
//
//	length uint64 | masked CRC-32C of the length | data | masked CRC-32C of the data
//
// in little-endian order, whose data are messages Event of tensorboard/compat/proto/event.proto. Each value is a scalar with the
// update as its step.
type TensorBoard struct {
	dir     string
	every   int64 // updates between two points of a curve
	file    io.WriteCloser
	attempt int
	started time.Time // of the training
	err     error
}

// mostPoints is the number of points of a curve that TensorBoard shows without delay.
const mostPoints = 1000

// NewTensorBoard returns a writer of event files into dir for a training of that many updates.
func NewTensorBoard(dir string, updates int64) *TensorBoard {
	return &TensorBoard{dir: dir, every: max(1, (updates+mostPoints-1)/mostPoints)}
}

// Begin creates an event file. Each part of a training that was resumed has its own.
func (b *TensorBoard) Begin(_ context.Context, t *record.Training) error {
	host, _ := os.Hostname()
	name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d.0", time.Now().Unix(), filepath.Base("/"+host), os.Getpid())
	file, err := os.Create(filepath.Join(b.dir, name))
	if err != nil {
		return fmt.Errorf("TensorBoard: %w", err)
	}
	b.file, b.started = file, t.Started
	b.write(fileVersion(time.Now()))
	return b.failure()
}

// writeTensorBoard writes all rows of a training as one event file.
func writeTensorBoard(w io.Writer, t *record.Training) error {
	b := NewTensorBoard("", t.Updates)
	b.file, b.started = keptOpen{w}, t.Started
	b.write(fileVersion(t.Started))
	return b.Write(context.Background(), t.TrainingRows)
}

// keptOpen is a writer that its owner closes.
type keptOpen struct{ io.Writer }

// Close implements [io.Closer].
func (keptOpen) Close() error { return nil }

// Rewind makes TensorBoard forget the points after an update, from which the training continues.
func (b *TensorBoard) Rewind(_ context.Context, attempt int, update int64) error {
	b.attempt = attempt
	b.write(sessionStart(time.Now(), update+1))
	return b.failure()
}

// Write adds rows. A recovery replaces the points that it went back behind.
func (b *TensorBoard) Write(_ context.Context, rows record.TrainingRows) error {
	for i := range rows.Steps {
		s := &rows.Steps[i]
		at := b.started.Add(s.Elapsed)
		if s.Attempt > b.attempt {
			b.attempt = s.Attempt
			b.write(sessionStart(at, s.Update))
		}
		if s.Update%b.every == 0 || s.Update == 1 {
			b.write(scalars(at, s.Update, scalarsOf(s)))
		}
	}
	for _, e := range rows.Evaluations {
		b.write(scalars(b.started.Add(e.Elapsed), e.Update, []scalar{{"valid/" + e.Metric, float64(e.Value)}}))
	}
	return b.failure()
}

// End closes the file.
func (b *TensorBoard) End(context.Context, *record.Training) error {
	if b.file == nil {
		return nil
	}
	b.err = errors.Join(b.err, b.file.Close())
	b.file = nil
	return b.failure()
}

func (b *TensorBoard) write(event []byte) {
	if b.err == nil {
		_, b.err = b.file.Write(framed(event))
	}
}

func (b *TensorBoard) failure() error {
	if b.err == nil {
		return nil
	}
	return fmt.Errorf("TensorBoard: %w", b.err)
}

// scalar is a value of a curve.
type scalar struct {
	tag   string
	value float64
}

// scalarsOf lists the curves of updates. Values that are not finite have no point.
func scalarsOf(s *record.TrainingStep) []scalar {
	all := []scalar{
		{"train/loss", float64(s.Loss)}, {"train/objective", float64(s.Objective)}, {"train/learning_rate", s.Rate}, {"train/gradient_norm", float64(s.GradientNorm)},
		{"cost/tokens", float64(s.Tokens)}, {"cost/flops", s.FLOPs}, {"cost/wall_seconds", s.Elapsed.Seconds()},
	}
	for _, component := range slices.Sorted(maps.Keys(s.GradientNorms)) {
		all = append(all, scalar{"train/gradient_norm/" + component, float64(s.GradientNorms[component])})
	}
	return slices.DeleteFunc(all, func(v scalar) bool { return math.IsNaN(v.value) || math.IsInf(v.value, 0) })
}

// castagnoli is the polynomial of the checksums.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of data, so changed that a checksum of data with checksums is not weak.
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// framed is a record of an event file.
func framed(data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	return binary.LittleEndian.AppendUint32(append(b, data...), masked(data))
}

// The numbers of the fields of messages, and the wire types of protocol buffers.
const (
	wallTime, step, version, summary, session = 1, 2, 3, 5, 7 // of Event
	summaryValue                              = 1             // of Summary
	valueTag, valueScalar                     = 1, 2          // of Summary.Value
	sessionStatus, started                    = 1, 1          // of SessionLog

	varint, fixed64, bytesType, fixed32 = 0, 1, 2, 5
)

func field(b []byte, number, wireType int) []byte {
	return binary.AppendUvarint(b, uint64(number<<3|wireType))
}

func message(b []byte, number int, content []byte) []byte {
	b = binary.AppendUvarint(field(b, number, bytesType), uint64(len(content)))
	return append(b, content...)
}

// event is the beginning of an Event. A step of 0 is left out, as usual.
func event(at time.Time, update int64) []byte {
	b := binary.LittleEndian.AppendUint64(field(nil, wallTime, fixed64), math.Float64bits(float64(at.UnixNano())/1e9))
	if update != 0 {
		b = binary.AppendUvarint(field(b, step, varint), uint64(update))
	}
	return b
}

// fileVersion is the first event of a file.
func fileVersion(at time.Time) []byte { return message(event(at, 0), version, []byte("brain.Event:2")) }

// sessionStart makes readers forget what has a step of update or more.
func sessionStart(at time.Time, update int64) []byte {
	return message(event(at, update), session, binary.AppendUvarint(field(nil, sessionStatus, varint), started))
}

// scalars is the event of an update's values.
func scalars(at time.Time, update int64, values []scalar) []byte {
	var all []byte
	for _, v := range values {
		one := message(nil, valueTag, []byte(v.tag))
		one = binary.LittleEndian.AppendUint32(field(one, valueScalar, fixed32), math.Float32bits(float32(v.value)))
		all = message(all, summaryValue, one)
	}
	return message(event(at, update), summary, all)
}
