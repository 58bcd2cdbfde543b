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

// longestMessage bounds what a plugin may send at once; the contract says 1 MiB.
const longestMessage = 16 << 20

// The sizes of the pieces in which long values travel, each about a quarter or half of messageBytes.
const (
	messageBytes     = 1 << 20
	tokensPerMessage = 1 << 16
	valuesPerMessage = 1 << 15 // float64
	ranksPerMessage  = 1 << 13 // pairs of int32, beside the others
	logitsPerMessage = 1 << 17 // float32
)

// cut splits off the first n values, or all that there are.
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

// targetChunks yields the targets of all inputs and their weights, if there are any, one message's worth at a time.
func targetChunks(targets [][]int32, weights [][]float32) iter.Seq[[]*lmpb.TargetChunk] {
	return func(yield func([]*lmpb.TargetChunk) bool) {
		for i, left := range targets {
			var heavy []float32
			if weights != nil {
				heavy = weights[i]
			}
			for len(left) > 0 {
				c := &lmpb.TargetChunk{Input: uint32(i)}
				c.Targets, left = cut(left, tokensPerMessage)
				c.Weights, heavy = cut(heavy, tokensPerMessage)
				if !yield([]*lmpb.TargetChunk{c}) {
					return
				}
			}
		}
	}
}

// inputs are the values of each input that a request stream has carried.
type inputs struct {
	tokens, targets  [][]int32
	weights, teacher [][]float32
}

// addTeacher appends a teacher's logits to their inputs.
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

// tokenMessage is a message of a request with header H that carries tokens.
type tokenMessage[H any] interface {
	GetHeader() *H
	GetChunks() []*lmpb.TokenChunk
}

// receive reads a request stream to its end: the header and the values of each input that count finds in it.
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

// packFloats returns the little-endian bytes of values.
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

// appendFloats appends the floats whose little-endian bytes are packed.
func appendFloats(values []float32, packed []byte) ([]float32, error) {
	if len(packed)%4 != 0 {
		return nil, lm.Faultf(lm.Malformed, "%d bytes of float32", len(packed))
	}
	for i := 0; i < len(packed); i += 4 {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(packed[i:])))
	}
	return values, nil
}
