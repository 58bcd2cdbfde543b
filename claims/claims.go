// Package claims carries the claims of papers and guides that reports set beside measurements. They are data.
package claims

import _ "embed"

// YAML is the ledger.
//
//go:embed claims.yaml
var YAML []byte
