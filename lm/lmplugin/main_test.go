package lmplugin

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// TestMain also lets the test binary act as the host that dies (see TestHostDeath).
func TestMain(m *testing.M) {
	if path := os.Getenv("ARCHBENCH_TEST_HOST"); path != "" {
		fmt.Println(playHost(path, os.Getenv("ARCHBENCH_TEST_DESCENDANT")))
		os.Exit(1)
	}
	code := m.Run()
	if faultyDir != "" {
		os.RemoveAll(faultyDir)
	}
	os.Exit(code)
}

var faultyDir string

var buildFaulty = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "faulty")
	if err != nil {
		return "", err
	}
	faultyDir = dir
	path := filepath.Join(dir, Prefix+"faulty")
	build := exec.Command("go", "build", "-o", path, "./internal/faulty")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// faulty returns the path of the plugin that fails on demand.
func faulty(t testing.TB) string {
	t.Helper()
	path, err := buildFaulty()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// launch starts the faulty plugin and closes it at the end of the test.
func launch(t testing.TB, o Options) *Plugin {
	t.Helper()
	o.Path = faulty(t)
	p, err := Launch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func load(t testing.TB, arch lm.Architecture, variant string) lm.Model {
	t.Helper()
	m, err := arch.Load(t.Context(), lm.LoadRequest{Variant: variant, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// inMemory connects both ends without a process.
func inMemory(t testing.TB, arch lm.Architecture) *client {
	t.Helper()
	c, err := connected(t, arch)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// connected is inMemory with server options, for plugins that break the contract.
func connected(t testing.TB, arch lm.Architecture, options ...grpc.ServerOption) (*client, error) {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := newServer(options)
	lmpb.RegisterLanguageModelServiceServer(server, newService(arch))
	go server.Serve(listener) // ends with Stop
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(longestMessage)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return connect(t.Context(), lmpb.NewLanguageModelServiceClient(conn), func(string, error) error { return nil })
}

// sequence returns a score request for n tokens of the toy's vocabulary.
func sequence(n int) lm.ScoreRequest {
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(i * i % 23)
	}
	return lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: 1}}}
}

// lastWord returns the last word of a text.
func lastWord(text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}
