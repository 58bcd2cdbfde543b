// Command archbench-plugin-bk serves ResNet-BK, a language model whose tokens are mixed by the resolvent of a
// tridiagonal operator instead of attention. Each head is a chain with one site per token,
//
//	H = tridiag(c, a, c)        a_i the site energy of token i, c_i the hop that couples it to token i−1
//
// and a token reads entries of (H − z)^{-1} at the spectral point z = E + iη. The causal modes use only the leading block
// H_{≤i} (row.go). Mode bidirectional is the published model, which inverts the chain of the whole sequence and so sees
// the future (bidirectional.go). All modes share the layers around the core (model.go). The recursions and their gradients
// are in internal/kernel/resolvent*.go.
package main

import (
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmplugin"
)

func main() { lmplugin.Serve(engine.New(Family{})) }
