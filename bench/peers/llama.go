package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/archbench/archbench/bench/gguf"
)

// llamaShape describes a model to llama.cpp: the metadata and tensors of its architecture.
type llamaShape struct {
	name  string
	vocab int
	build func(f *llamaFile)
}

// write writes a file of random weights whose matrices have one type.
func (s llamaShape) write(path string, kind gguf.Type) error {
	f := s.file(kind)
	return gguf.Write(path, f.metadata, f.tensors)
}

func (s llamaShape) file(kind gguf.Type) *llamaFile {
	f := &llamaFile{kind: kind, vocab: s.vocab, random: rand.New(rand.NewPCG(1, 2))}
	s.build(f)
	return f
}

// llamaFile collects a file's contents.
type llamaFile struct {
	kind     gguf.Type
	vocab    int
	random   *rand.Rand
	metadata []gguf.Value
	tensors  []gguf.Tensor
}

// setting is a metadata entry of an architecture, a uint32 or a float32.
type setting struct {
	key   string
	value any
}

// begin sets the architecture and its settings. There is no tokenizer, only a number of ids.
func (f *llamaFile) begin(architecture string, settings []setting) {
	f.metadata = []gguf.Value{{Key: "general.architecture", Data: architecture}, {Key: "tokenizer.ggml.model", Data: "none"}}
	for _, s := range append([]setting{{"vocab_size", uint32(f.vocab)}}, settings...) {
		f.metadata = append(f.metadata, gguf.Value{Key: architecture + "." + s.key, Data: s.value})
	}
}

// matrix adds weights [rows, cols] of the file's type, uniform with a standard deviation of 0.02.
func (f *llamaFile) matrix(name string, rows, cols int) { f.add(name, f.kind, rows, cols) }

// add adds such weights of a given type, or of F16 if a row is not whole blocks.
func (f *llamaFile) add(name string, kind gguf.Type, rows, cols int) {
	if cols%kind.Block() != 0 {
		kind = gguf.F16
	}
	fill := func(row []float32) {
		for i := range row {
			row[i] = (f.random.Float32() - 0.5) * 0.07
		}
	}
	f.tensors = append(f.tensors, gguf.Tensor{Name: name + ".weight", Type: kind, Rows: rows, Cols: cols, Fill: fill})
}

// vector adds n equal F32 numbers.
func (f *llamaFile) vector(name string, n int, value float32) {
	f.table(name, 0, n, func(int) float32 { return value })
}

// table adds an F32 matrix [rows, cols] with identical rows.
func (f *llamaFile) table(name string, rows, cols int, value func(col int) float32) {
	fill := func(row []float32) {
		for i := range row {
			row[i] = value(i)
		}
	}
	f.tensors = append(f.tensors, gguf.Tensor{Name: name, Type: gguf.F32, Rows: rows, Cols: cols, Fill: fill})
}

// norm adds a layer norm; affine adds a linear layer with bias.
func (f *llamaFile) norm(name string, n int) {
	f.vector(name+".weight", n, 1)
	f.vector(name+".bias", n, 0)
}

func (f *llamaFile) affine(name string, out, in int) {
	f.matrix(name, out, in)
	f.vector(name+".bias", out, 0)
}

// llamaGPT2 is GPT-2 small. A file without output.weight ties the head to the embedding.
var llamaGPT2 = llamaShape{"gpt2-124m", 50257, func(f *llamaFile) {
	const layers, d, positions = 12, 768, 1024
	f.begin("gpt2", []setting{
		{"context_length", uint32(positions)}, {"embedding_length", uint32(d)}, {"feed_forward_length", uint32(4 * d)},
		{"block_count", uint32(layers)}, {"attention.head_count", uint32(12)}, {"attention.layer_norm_epsilon", float32(1e-5)},
	})
	f.matrix("token_embd", f.vocab, d)
	f.add("position_embd", gguf.F32, positions, d)
	for l := range layers {
		blk := fmt.Sprintf("blk.%d.", l)
		f.norm(blk+"attn_norm", d)
		f.affine(blk+"attn_qkv", 3*d, d)
		f.affine(blk+"attn_output", d, d)
		f.norm(blk+"ffn_norm", d)
		f.affine(blk+"ffn_up", 4*d, d)
		f.affine(blk+"ffn_down", d, 4*d)
	}
	f.norm("output_norm", d)
}}

// llamaMistral is a Mistral of 1.21 B parameters, which llama.cpp runs as a Llama: documents here are shorter than the
// window.
var llamaMistral = llamaShape{"mistral-1.2b", 32000, func(f *llamaFile) {
	const layers, d, heads, kvHeads, dim, inner = 24, 2048, 32, 8, 64, 5632
	f.begin("llama", []setting{
		{"context_length", uint32(32768)}, {"embedding_length", uint32(d)}, {"feed_forward_length", uint32(inner)},
		{"block_count", uint32(layers)}, {"rope.dimension_count", uint32(dim)}, {"attention.head_count", uint32(heads)},
		{"attention.head_count_kv", uint32(kvHeads)}, {"attention.layer_norm_rms_epsilon", float32(1e-6)},
		{"rope.freq_base", float32(1e4)},
	})
	f.matrix("token_embd", f.vocab, d)
	f.matrix("output", f.vocab, d)
	for l := range layers {
		blk := fmt.Sprintf("blk.%d.", l)
		f.vector(blk+"attn_norm.weight", d, 1)
		f.matrix(blk+"attn_q", heads*dim, d)
		f.matrix(blk+"attn_k", kvHeads*dim, d)
		f.matrix(blk+"attn_v", kvHeads*dim, d)
		f.matrix(blk+"attn_output", d, heads*dim)
		f.vector(blk+"ffn_norm.weight", d, 1)
		f.matrix(blk+"ffn_gate", inner, d)
		f.matrix(blk+"ffn_up", inner, d)
		f.matrix(blk+"ffn_down", d, inner)
	}
	f.vector("output_norm.weight", d, 1)
}}

// llamaMamba is mamba-130m with a tied head. The convolution stays F32, as llama.cpp's own quantiser leaves it.
var llamaMamba = llamaShape{"mamba-130m", 50280, func(f *llamaFile) {
	const layers, d, channels, states, rank, taps = 24, 768, 1536, 16, 48, 4
	f.begin("mamba", []setting{
		{"context_length", uint32(1 << 20)}, {"embedding_length", uint32(d)}, {"feed_forward_length", uint32(0)},
		{"block_count", uint32(layers)}, {"attention.head_count", uint32(0)}, {"ssm.conv_kernel", uint32(taps)},
		{"ssm.inner_size", uint32(channels)}, {"ssm.state_size", uint32(states)}, {"ssm.time_step_rank", uint32(rank)},
		{"attention.layer_norm_rms_epsilon", float32(1e-5)},
	})
	f.matrix("token_embd", f.vocab, d)
	for l := range layers {
		blk := fmt.Sprintf("blk.%d.", l)
		f.vector(blk+"attn_norm.weight", d, 1)
		f.matrix(blk+"ssm_in", 2*channels, d)
		f.add(blk+"ssm_conv1d", gguf.F32, channels, taps)
		f.vector(blk+"ssm_conv1d.bias", channels, 0)
		f.matrix(blk+"ssm_x", rank+2*states, channels)
		f.matrix(blk+"ssm_dt", channels, rank)
		f.vector(blk+"ssm_dt.bias", channels, -4)
		f.table(blk+"ssm_a", channels, states, func(s int) float32 { return -float32(s + 1) })
		f.vector(blk+"ssm_d", channels, 1)
		f.matrix(blk+"ssm_out", d, channels)
	}
	f.vector("output_norm.weight", d, 1)
}}
