package lmplugin

import (
	"cmp"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// Options says how to start a plugin.
type Options struct {
	// Path of the executable, or of a folder with exactly one.
	Path string
	// Env adds entries "KEY=value" to Inherited, or replaces some.
	Env []string
	// MemoryLimit bounds the writable memory of the process in bytes (Linux only); 0: no limit.
	MemoryLimit int64
	// StartTimeout bounds the time until the plugin has described itself; 0 is 30 s.
	StartTimeout time.Duration
	// Stderr, if set, receives a copy of the plugin's output. It must not block.
	Stderr io.Writer
}

// Plugin is a running plugin. It implements lm.Architecture and lm.Calibrator; its models implement every optional
// interface of package lm.
type Plugin struct {
	*client
	path    string
	env     []string
	process *process
	handler *plugin.Client
}

// Launch starts a plugin and asks for its description. The context bounds the start; Close ends the plugin. If the plugin
// does not start, the error wraps an *ExitError.
func Launch(ctx context.Context, o Options) (*Plugin, error) {
	path, err := executable(o.Path)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, lm.Errorf(lm.Deadline, "launch", "plugin %s: %w", path, ctx.Err())
	}
	limit := cmp.Or(o.StartTimeout, 30*time.Second)
	output := &tail{also: o.Stderr}
	p := &Plugin{path: path, env: environment(o.Env), process: newProcess(path, output, o.MemoryLimit)}
	p.handler = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: versions(nil),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     2 * limit, // never reached: start gives up earlier
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       output,
		SyncStderr:       output,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: socketRoot()},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithInitialWindowSize(streamWindow),
			grpc.WithInitialConnWindowSize(streamWindow),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(longestMessage)),
		},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
			p.process.cmd.Env = slices.Concat(p.env, cmd.Env)
			p.process.socketDir = socketDir
			return p.process, nil
		},
	})
	if err := p.start(ctx, limit); err != nil {
		_ = p.Close() // the first error counts
		return nil, err
	}
	return p, nil
}

// start establishes the connection within the limit.
func (p *Plugin) start(ctx context.Context, limit time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(bounded, p.Kill)
	defer stop()
	err := p.greet(bounded)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return lm.Errorf(lm.Deadline, "launch", "plugin %s: %w", p.path, ctx.Err())
	case bounded.Err() != nil, lm.KindOf(err) == lm.Deadline: // the plugin's clock may be ahead of ours
		return &lm.Error{Op: "launch", Kind: lm.Internal, Err: p.late()}
	}
	return err
}

// greet shakes hands and asks for the plugin's description.
func (p *Plugin) greet(ctx context.Context) error {
	protocol, err := p.handler.Client()
	if err == nil {
		var raw any
		if raw, err = protocol.Dispense(serviceName); err == nil {
			p.client, err = connect(ctx, raw.(lmpb.LanguageModelServiceClient), p.explain)
			return err
		}
	}
	return &lm.Error{Op: "launch", Kind: lm.Internal, Err: p.startFailure(err)}
}

// socketRoot returns the parent of the socket folders. The path of a socket may have only about 100 bytes.
func socketRoot() string {
	if dir := os.TempDir(); len(dir) <= 40 {
		return dir
	}
	return "/tmp"
}

// explain returns the death of the process as the cause of a failed RPC, or nil if it is running.
func (p *Plugin) explain(op string, err error) error {
	if code := status.Code(err); code == codes.Unavailable || code == codes.Canceled {
		p.awaitExit()
	}
	exit := p.Exit()
	if exit == nil {
		return nil
	}
	kind := lm.Internal
	if exit.Class == OutOfMemory {
		kind = lm.Resource
	}
	return &lm.Error{Op: op, Kind: kind, Err: exit}
}

// awaitExit waits briefly for the process to end, because the connection breaks a little earlier.
func (p *Plugin) awaitExit() {
	select {
	case <-p.process.done:
	case <-time.After(grace):
	}
}

// Path returns the path of the executable.
func (p *Plugin) Path() string { return p.path }

// Env returns the plugin's environment, sorted, without the variables of the handshake.
func (p *Plugin) Env() []string { return slices.Clone(p.env) }

// PID returns the process ID, which is also the process group ID.
func (p *Plugin) PID() int { return p.process.pid }

// Stderr returns the last lines that the plugin printed.
func (p *Plugin) Stderr() string { return p.process.output.String() }

// Done is closed when the process has ended.
func (p *Plugin) Done() <-chan struct{} { return p.process.done }

// Exit describes how the process ended, or returns nil while it runs.
func (p *Plugin) Exit() *ExitError {
	if !p.process.exited() {
		return nil
	}
	return p.process.exit()
}

// grace is how long a plugin may take to end when asked to.
const grace = 2 * time.Second

// Close asks the plugin to exit, kills it and its descendants if it does not, and returns when it is gone.
func (p *Plugin) Close() error {
	p.process.expectEnd()
	timer := time.AfterFunc(grace, p.Kill)
	defer timer.Stop()
	p.handler.Kill()
	return nil
}

// Kill kills the plugin and its descendants. Calls in progress fail.
func (p *Plugin) Kill() { _ = p.process.Kill(context.Background()) }

// executable checks that path is an executable, or finds the only plugin in the folder at path.
func executable(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		found := candidates(path)
		if len(found) != 1 {
			return "", lm.Errorf(lm.NotFound, "launch", "%s has %d executables %sNAME: choose one", path, len(found), Prefix)
		}
		path = found[0].Path
	}
	if reason := whyNotExecutable(path); reason != "" {
		exit := &ExitError{Plugin: path, Class: NotStarted, Message: reason, ExitCode: -1}
		return "", &lm.Error{Op: "launch", Kind: lm.NotFound, Err: exit}
	}
	return filepath.Abs(path)
}
