package tokenizer

import (
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
	err := fields(data, func(n protowire.Number, v value) error {
		var err error
		switch n {
		case 1:
			var p spPiece
			p, err = parseSPPiece(v.bytes)
			m.pieces = append(m.pieces, p)
		case 2:
			err = m.trainer.parse(v.bytes)
		case 3:
			err = m.normalize.parse(v.bytes)
		}
		if err != nil {
			return fmt.Errorf("field %d: %w", n, err)
		}
		return nil
	})
	return m, err
}

// parseSPPiece reads a piece.
func parseSPPiece(data []byte) (spPiece, error) {
	p := spPiece{kind: spNormal}
	err := fields(data, func(n protowire.Number, v value) error {
		switch n {
		case 1:
			p.text = string(v.bytes)
		case 2:
			p.score = math.Float32frombits(uint32(v.number))
		case 3:
			p.kind = v.number
		}
		return nil
	})
	switch {
	case err != nil:
	case p.text == "" || len(p.text) > maxPiece || !utf8.ValidString(p.text):
		err = fmt.Errorf("the piece %.40q is not UTF-8 of 1 to %d bytes", p.text, maxPiece)
	case math.IsNaN(float64(p.score)) || math.IsInf(float64(p.score), 0):
		err = fmt.Errorf("the score of %.40q is not finite", p.text)
	case p.kind < spNormal || p.kind > spByte:
		err = fmt.Errorf("the piece %.40q is of unknown kind %d", p.text, p.kind)
	}
	return p, err
}

func (t *spTrainer) parse(data []byte) error {
	return fields(data, func(n protowire.Number, v value) error {
		switch n {
		case 3:
			t.model = v.number
		case 24:
			t.suffix = v.number != 0
		case 35:
			t.byteFallback = v.number != 0
		case 40:
			t.unk = int32(v.number)
		}
		return nil
	})
}

func (s *spNormalizer) parse(data []byte) error {
	return fields(data, func(n protowire.Number, v value) error {
		switch n {
		case 2:
			s.charsmap = v.bytes
		case 3:
			s.dummyPrefix = v.number != 0
		case 4:
			s.removeExtra = v.number != 0
		case 5:
			s.escape = v.number != 0
		}
		return nil
	})
}

// value is a field's value: bytes or a number.
type value struct {
	bytes  []byte
	number uint64
}

// fields calls each for every field of a message, in order.
func fields(data []byte, each func(protowire.Number, value) error) error {
	for len(data) > 0 {
		number, wire, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var v value
		switch wire {
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(data)
			v.number = uint64(bits)
		case protowire.Fixed64Type:
			v.number, n = protowire.ConsumeFixed64(data)
		default:
			return errors.New("a group where none is expected")
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := each(number, v); err != nil {
			return err
		}
	}
	return nil
}
