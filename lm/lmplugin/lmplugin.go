// Package lmplugin carries the contract of package lm between processes, with go-plugin and gRPC.
//
// A plugin's main calls [Serve] with its architecture. A host calls [Launch] and gets a [Plugin] that implements
// lm.Architecture. Its models are proxies that implement every optional interface, and return an error of kind Unsupported
// for abilities that the plugin does not declare. [Find] and [List] look for plugins; [Identity] hashes their files.
//
// A plugin is a process and may die at any time. Calls on it then fail with an error that wraps an [*ExitError], which says
// how it ended and what it printed last. Other errors are those of the model, with their lm.Kind. The wire contract is
// proto/lm/v1/lm.proto; a plugin in another language needs nothing else.
package lmplugin

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// Version is the newest protocol version that this package speaks, lm.v1.
const Version = 1

// The environment variable that tells a plugin that archbench started it, and its value. It helps people who start a
// plugin by hand; it is not for security.
const (
	CookieKey   = "ARCHBENCH_PLUGIN"
	CookieValue = "lm"
)

// serviceName is go-plugin's name for the service, used only in this package.
const serviceName = "lm"

var handshake = plugin.HandshakeConfig{MagicCookieKey: CookieKey, MagicCookieValue: CookieValue}

// versions maps each supported protocol version to its adapter. arch is nil on the host.
func versions(arch lm.Architecture) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{Version: {serviceName: &adapter{arch: arch}}}
}

// adapter connects both ends of version 1 to go-plugin.
type adapter struct {
	plugin.NetRPCUnsupportedPlugin
	arch lm.Architecture
}

// GRPCServer implements plugin.GRPCPlugin on the plugin's side.
func (a *adapter) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	lmpb.RegisterLanguageModelServiceServer(s, newService(a.arch))
	return nil
}

// GRPCClient implements plugin.GRPCPlugin on the host's side.
func (a *adapter) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return lmpb.NewLanguageModelServiceClient(conn), nil
}

var _ plugin.GRPCPlugin = (*adapter)(nil)
