package lmplugin

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/archbench/archbench/lm"
)

// stderr is the original os.Stderr. go-plugin replaces os.Stderr with a pipe, whose content is lost when the process dies.
var stderr = os.Stderr

// Serve serves arch to the host until the host is gone. A plugin's main needs only this call, which does not return. Nothing
// may be printed to stdout before it.
func Serve(arch lm.Architecture) {
	if os.Getenv(CookieKey) != CookieValue {
		fmt.Fprintln(stderr, "this is a plugin, to be started by archbench: see `archbench plugins list` and `archbench plugins test`")
		os.Exit(2)
	}
	go exitWithParent(os.Getppid())
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: versions(arch),
		GRPCServer:       newServer,
		Logger:           hclog.New(&hclog.LoggerOptions{Output: stderr, Level: hclog.Error}),
	})
	os.Exit(0)
}

// streamWindow lets a stream run a few messages ahead of its reader.
const streamWindow = 8 * messageBytes

// newServer raises gRPC's message limits, which go-plugin leaves at 4 MiB, and recovers panics.
func newServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(math.MaxInt32),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(streamWindow),
		grpc.UnaryInterceptor(unaryBoundary),
		grpc.StreamInterceptor(streamBoundary),
	)...)
}

// unaryBoundary and streamBoundary convert errors and panics of the plugin to their wire form.
func unaryBoundary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (reply any, err error) {
	defer caught(info.FullMethod, &err)
	reply, err = next(ctx, req)
	return reply, toStatus(opOf(info.FullMethod), err)
}

func streamBoundary(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer caught(info.FullMethod, &err)
	return toStatus(opOf(info.FullMethod), next(srv, stream))
}

// caught turns a panic into an error of kind Internal and prints the stack to stderr.
func caught(method string, err *error) {
	if r := recover(); r != nil {
		op := opOf(method)
		fmt.Fprintf(stderr, "panic in %s: %v\n%s", op, r, debug.Stack())
		*err = toStatus(op, lm.Errorf(lm.Internal, op, "panic: %v (the plugin's stderr has the stack)", r))
	}
}

// exitWithParent ends the process and its group when the host has died, for hosts and systems without better means. A
// plugin started by archbench leads its group.
func exitWithParent(parent int) {
	for range time.Tick(500 * time.Millisecond) {
		if os.Getppid() != parent {
			killOwnGroup()
			os.Exit(1)
		}
	}
}
