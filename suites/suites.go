// Package suites carries the suites that ship with archbench. They are data; schema.json describes their form.
package suites

import "embed"

// FS holds the suites, one YAML file each, and their schema.
//
//go:embed *.yaml schema.json
var FS embed.FS
