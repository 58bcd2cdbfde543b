package lmplugin

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/internal/toy"
	"github.com/archbench/archbench/lm/lmpb"
	"github.com/archbench/archbench/lm/lmtest"
)

// firstContract returns the lm.proto that the first plugins were built with.
func firstContract(t testing.TB) protoreflect.FileDescriptor {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "lm.v1-first.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file descriptorpb.FileDescriptorProto
	if err := protojson.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	d, err := protodesc.NewFile(&file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestContractOnlyGrows checks that everything in the first contract still has its name, number and type.
func TestContractOnlyGrows(t *testing.T) {
	first, now := firstContract(t), lmpb.File_lm_v1_lm_proto
	for i := range first.Messages().Len() {
		was := first.Messages().Get(i)
		is := now.Messages().ByName(was.Name())
		for j := range was.Fields().Len() {
			f := was.Fields().Get(j)
			if is == nil || !sameField(f, is.Fields().ByNumber(f.Number())) {
				t.Errorf("%s has changed", f.FullName())
			}
		}
	}
	for i := range first.Enums().Len() {
		was := first.Enums().Get(i)
		for j := range was.Values().Len() {
			v := was.Values().Get(j)
			if is := now.Enums().ByName(was.Name()).Values().ByNumber(v.Number()); is == nil || is.Name() != v.Name() {
				t.Errorf("%s has changed", v.FullName())
			}
		}
	}
	calls := first.Services().Get(0).Methods()
	for i := range calls.Len() {
		was := calls.Get(i)
		is := now.Services().Get(0).Methods().ByName(was.Name())
		if is == nil || is.Input().FullName() != was.Input().FullName() || is.Output().FullName() != was.Output().FullName() ||
			is.IsStreamingClient() != was.IsStreamingClient() || is.IsStreamingServer() != was.IsStreamingServer() {
			t.Errorf("%s has changed", was.FullName())
		}
	}
}

func sameField(a, b protoreflect.FieldDescriptor) bool {
	typeName := func(f protoreflect.FieldDescriptor) protoreflect.FullName {
		switch {
		case f.Message() != nil:
			return f.Message().FullName()
		case f.Enum() != nil:
			return f.Enum().FullName()
		}
		return ""
	}
	return b != nil && a.Name() == b.Name() && a.Kind() == b.Kind() && a.Cardinality() == b.Cardinality() &&
		a.HasPresence() == b.HasPresence() && typeName(a) == typeName(b)
}

// firstPlugin returns the options of a server limited to the first contract: it neither receives nor sends later additions.
func firstPlugin(t testing.TB) []grpc.ServerOption {
	t.Helper()
	first := firstContract(t)
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			reduce(t, first, req)
			reply, err := next(ctx, req)
			if err == nil {
				reduce(t, first, reply)
			}
			return reply, err
		}),
		grpc.ChainStreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			return next(srv, &reduced{s, t, first})
		}),
	}
}

type reduced struct {
	grpc.ServerStream
	t     testing.TB
	first protoreflect.FileDescriptor
}

// SendMsg implements grpc.ServerStream.
func (r *reduced) SendMsg(m any) error {
	reduce(r.t, r.first, m)
	return r.ServerStream.SendMsg(m)
}

// RecvMsg implements grpc.ServerStream.
func (r *reduced) RecvMsg(m any) error {
	err := r.ServerStream.RecvMsg(m)
	if err == nil {
		reduce(r.t, r.first, m)
	}
	return err
}

// reduce removes from a message everything unknown to an older contract.
func reduce(t testing.TB, old protoreflect.FileDescriptor, message any) {
	m := message.(proto.Message)
	was := dynamicpb.NewMessage(old.Messages().ByName(m.ProtoReflect().Descriptor().Name()))
	wire, err := proto.Marshal(m)
	if err == nil {
		err = proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(wire, was)
	}
	if err == nil {
		wire, err = proto.Marshal(was)
	}
	if err == nil {
		err = proto.Unmarshal(wire, m)
	}
	if err != nil {
		t.Error(err)
	}
	if d, ok := m.(*lmpb.DescribeResponse); ok {
		d.Abilities = slices.DeleteFunc(d.Abilities, func(a string) bool { return !slices.Contains(firstAbilities, a) })
	}
}

// firstAbilities are those of the first contract, except train, which no plugin served.
var firstAbilities = []string{"step", "generate", "cost", "count", "memory", "versus", "save", "calibrate"}

// TestFirstPlugins checks that a plugin limited to the first contract still works.
func TestFirstPlugins(t *testing.T) {
	c, err := connected(t, toy.Architecture{}, firstPlugin(t)...)
	if err != nil {
		t.Fatal(err)
	}
	lmtest.Report(t, lmtest.Run(t.Context(), c, lmtest.Options{TempDir: t.TempDir()}))
	if err := everything(t.Context(), c); err != nil {
		t.Error(err)
	}
	m := load(t, c, "default")
	for _, err := range newCalls(t, c, m) {
		if lm.KindOf(err) != lm.Unsupported || !strings.Contains(err.Error(), "n/a (") {
			t.Errorf("an addition was used without its ability: %v", err)
		}
	}
	if _, ok := lm.As[lm.Saver](m); !ok || !m.Info().Has(lm.AbilityVersus) {
		t.Errorf("a model that reports no abilities has %q", m.Info().Abilities)
	}
}

// newCalls uses everything that has been added to the first contract.
func newCalls(t *testing.T, c *client, m lm.Model) (errs []error) {
	text := []int32{1, 2, 3}
	state, err := m.(lm.Stepper).NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range []lm.ScoreRequest{
		{Ranks: true, Sequences: []lm.Sequence{{Tokens: text, From: 1}}},
		{Sequences: []lm.Sequence{{Tokens: text, Targets: []int32{-1, -1, 4}}}},
	} {
		_, err := m.Score(t.Context(), req)
		errs = append(errs, err)
	}
	for _, req := range []lm.LoadRequest{{Variant: "default", Device: "cpu"}, {Variant: "default", DeviceMemory: 1 << 30}} {
		_, err := c.Load(t.Context(), req)
		errs = append(errs, err)
	}
	_, own := m.(lm.Trainer).OpenTraining(t.Context(), lm.TrainingRequest{})
	_, loaded := c.OpenTraining(t.Context(), lm.TrainingRequest{Load: &lm.LoadRequest{Variant: "default"}})
	errs = append(errs, own, loaded)
	for _, in := range []lm.StepInput{{Sample: true}, {Sampler: &lm.Sampler{}}} {
		in.State, in.Tokens = state, text
		_, err := m.(lm.Stepper).Step(t.Context(), lm.StepRequest{Inputs: []lm.StepInput{in}})
		errs = append(errs, err)
	}
	return errs
}
