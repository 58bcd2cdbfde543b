package lmplugin

import (
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"math"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// longestMessage is the largest message accepted from a plugin; the contract says about 1 MiB.
const longestMessage = 16 << 20

// Values per message. Each kind takes a quarter or half of messageBytes.
const (
	messageBytes     = 1 << 20
	tokensPerMessage = 1 << 16
	valuesPerMessage = 1 << 15 // float64
	ranksPerMessage  = 1 << 13 // pairs of int32, in addition to the others
	logitsPerMessage = 1 << 17 // float32
)

// cut splits off the first n values, or all if there are fewer.
func cut[T any](values []T, n int) (head, tail []T) {
	n = min(n, len(values))
	return values[:n], values[n:]
}

// chunks yields the tokens of all inputs, one message's worth at a time and at least once.
func chunks(inputs [][]int32) iter.Seq[[]*lmpb.TokenChunk] {
	return func(yield func([]*lmpb.TokenChunk) bool) {
		var message []*lmpb.TokenChunk
		room := tokensPerMessage
		for i, tokens := range inputs {
			for len(tokens) > 0 {
				if room == 0 {
					if !yield(message) {
						return
					}
					message, room = nil, tokensPerMessage
				}
				var head []int32
				head, tokens = cut(tokens, room)
				room -= len(head)
				message = append(message, &lmpb.TokenChunk{Input: uint32(i), Tokens: head})
			}
		}
		yield(message)
	}
}

// tokenMessages yields the messages of a request stream that carry tokens: the first one with the header, then the rest.
func tokenMessages[H, M any](header *H, inputs [][]int32, message func(*H, []*lmpb.TokenChunk) *M) iter.Seq[*M] {
	return func(yield func(*M) bool) {
		for c := range chunks(inputs) {
			if !yield(message(header, c)) {
				return
			}
			header = nil
		}
	}
}

// targetMessages yields messages with the targets of all inputs and their weights, if any.
func targetMessages[M any](targets [][]int32, weights [][]float32, message func([]*lmpb.TargetChunk) *M) iter.Seq[*M] {
	return func(yield func(*M) bool) {
		for i, left := range targets {
			var leftWeights []float32
			if weights != nil {
				leftWeights = weights[i]
			}
			for len(left) > 0 {
				c := &lmpb.TargetChunk{Input: uint32(i)}
				c.Targets, left = cut(left, tokensPerMessage)
				c.Weights, leftWeights = cut(leftWeights, tokensPerMessage)
				if !yield(message([]*lmpb.TargetChunk{c})) {
					return
				}
			}
		}
	}
}

// inputs collects the values of each input from a request stream.
type inputs struct {
	tokens, targets  [][]int32
	weights, teacher [][]float32
}

// addTeacher appends the teacher's logits of a message to their inputs.
func (in *inputs) addTeacher(message []*lmpb.LogitChunk) (err error) {
	for _, c := range message {
		if uint64(c.GetInput()) >= uint64(len(in.tokens)) {
			return lm.Errorf(lm.Invalid, "", "logits for input %d of %d", c.GetInput(), len(in.tokens))
		}
		if in.teacher == nil {
			in.teacher = make([][]float32, len(in.tokens))
		}
		if in.teacher[c.GetInput()], err = appendFloats(in.teacher[c.GetInput()], c.GetLogits()); err != nil {
			return lm.Errorf(lm.Invalid, "", "%w", err)
		}
	}
	return nil
}

// addTargets appends the targets of a message to their inputs.
func (in *inputs) addTargets(message []*lmpb.TargetChunk) error {
	for _, c := range message {
		if uint64(c.GetInput()) >= uint64(len(in.tokens)) {
			return lm.Errorf(lm.Invalid, "", "targets for input %d of %d", c.GetInput(), len(in.tokens))
		}
		if in.targets == nil {
			in.targets, in.weights = make([][]int32, len(in.tokens)), make([][]float32, len(in.tokens))
		}
		i := c.GetInput()
		in.targets[i] = append(in.targets[i], c.GetTargets()...)
		in.weights[i] = append(in.weights[i], c.GetWeights()...)
	}
	return nil
}

// addChunks appends the tokens of a message to their inputs.
func addChunks(inputs [][]int32, message []*lmpb.TokenChunk) error {
	for _, c := range message {
		if uint64(c.GetInput()) >= uint64(len(inputs)) {
			return lm.Errorf(lm.Invalid, "", "tokens for input %d of %d", c.GetInput(), len(inputs))
		}
		inputs[c.GetInput()] = append(inputs[c.GetInput()], c.GetTokens()...)
	}
	return nil
}

// tokenMessage is a message of a request stream with header H.
type tokenMessage[H any] interface {
	GetHeader() *H
	GetChunks() []*lmpb.TokenChunk
}

// receive reads a request stream to its end and returns the header and the values of each input. count returns the
// number of inputs that a header announces.
func receive[H any, M tokenMessage[H]](recv func() (M, error), count func(*H) int) (header *H, in inputs, err error) {
	for {
		message, err := recv()
		if errors.Is(err, io.EOF) && header != nil {
			return header, in, nil
		}
		if errors.Is(err, io.EOF) || err == nil && header == nil && message.GetHeader() == nil {
			return nil, in, lm.Errorf(lm.Invalid, "", "the first message of the stream has no header")
		}
		if err != nil {
			return nil, in, err
		}
		if header == nil {
			header = message.GetHeader()
			in.tokens = make([][]int32, count(header))
		}
		if err := addChunks(in.tokens, message.GetChunks()); err != nil {
			return nil, in, err
		}
		if m, ok := any(message).(interface{ GetTargets() []*lmpb.TargetChunk }); ok {
			if err := in.addTargets(m.GetTargets()); err != nil {
				return nil, in, err
			}
		}
		if m, ok := any(message).(interface{ GetTeacher() []*lmpb.LogitChunk }); ok {
			if err := in.addTeacher(m.GetTeacher()); err != nil {
				return nil, in, err
			}
		}
	}
}

// packFloats encodes values as little-endian float32.
func packFloats(values []float32) []byte {
	if len(values) == 0 {
		return nil
	}
	packed := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(packed[4*i:], math.Float32bits(v))
	}
	return packed
}

// appendFloats decodes little-endian float32 and appends them.
func appendFloats(values []float32, packed []byte) ([]float32, error) {
	if len(packed)%4 != 0 {
		return nil, lm.Faultf(lm.Malformed, "%d bytes of float32, want a multiple of 4", len(packed))
	}
	for i := 0; i < len(packed); i += 4 {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(packed[i:])))
	}
	return values, nil
}
