package tokenizer

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// spModel is the part of a SentencePiece model (message ModelProto of sentencepiece_model.proto) that determines ids.
type spModel struct {
	pieces    []spPiece // by id
	trainer   spTrainer
	normalize spNormalizer
}

// spPiece is the message SentencePiece.
type spPiece struct {
	text  string
	score float32
	kind  uint64
}

// Piece types.
const (
	spNormal  = 1
	spUnknown = 2
	spControl = 3
	spUser    = 4
	spUnused  = 5
	spByte    = 6
)

// spTrainer is the part of TrainerSpec that describes the model.
type spTrainer struct {
	model        uint64
	suffix       bool // white space ends words
	byteFallback bool
	unk          int32
}

// Model types.
const (
	spUnigram = 1
	spBPE     = 2
)

// spNormalizer is the part of NormalizerSpec used here.
type spNormalizer struct {
	charsmap    []byte
	dummyPrefix bool
	removeExtra bool
	escape      bool
}

// maxPiece bounds a piece in bytes; trainers stop at a few dozen.
const maxPiece = 512

// parseSPModel reads a model, with the format's defaults.
func parseSPModel(data []byte) (*spModel, error) {
	m := &spModel{trainer: spTrainer{model: spUnigram}, normalize: spNormalizer{dummyPrefix: true, removeExtra: true, escape: true}}
	t, n := &m.trainer, &m.normalize
	var p spPiece
	piece := message{1: &p.text, 2: &p.score, 3: &p.kind}
	trainer := message{3: &t.model, 24: &t.suffix, 35: &t.byteFallback, 40: &t.unk}
	normalizer := message{2: &n.charsmap, 3: &n.dummyPrefix, 4: &n.removeExtra, 5: &n.escape}
	return m, message{
		1: func(data []byte) error {
			p = spPiece{kind: spNormal}
			err := cmp.Or(piece.parse(data), p.check())
			m.pieces = append(m.pieces, p)
			return err
		},
		2: trainer.parse,
		3: normalizer.parse,
	}.parse(data)
}

// check refuses malformed pieces.
func (p *spPiece) check() error {
	switch {
	case p.text == "" || len(p.text) > maxPiece || !utf8.ValidString(p.text):
		return fmt.Errorf("the piece %.40q is not UTF-8 of 1 to %d bytes", p.text, maxPiece)
	case math.IsNaN(float64(p.score)) || math.IsInf(float64(p.score), 0):
		return fmt.Errorf("the score of %.40q is not finite", p.text)
	case p.kind < spNormal || p.kind > spByte:
		return fmt.Errorf("the piece %.40q is of unknown kind %d", p.text, p.kind)
	}
	return nil
}

// message maps field numbers to where the fields are stored: a pointer, or a function for a nested message.
type message map[protowire.Number]any

// parse stores the fields of an encoded message, and ignores those that m lacks.
func (m message) parse(data []byte) error {
	for len(data) > 0 {
		field, wire, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var bytes []byte
		var number uint64
		switch wire {
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(data)
			number = uint64(bits)
		case protowire.Fixed64Type:
			number, n = protowire.ConsumeFixed64(data)
		default:
			return errors.New("a group where none is expected")
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := store(m[field], bytes, number); err != nil {
			return fmt.Errorf("field %d: %w", field, err)
		}
	}
	return nil
}

// store stores a field's value, which is bytes or a number.
func store(dst any, bytes []byte, number uint64) error {
	switch dst := dst.(type) {
	case *string:
		*dst = string(bytes)
	case *[]byte:
		*dst = bytes
	case *float32:
		*dst = math.Float32frombits(uint32(number))
	case *uint64:
		*dst = number
	case *int32:
		*dst = int32(number)
	case *bool:
		*dst = number != 0
	case func([]byte) error:
		return dst(bytes)
	}
	return nil
}
