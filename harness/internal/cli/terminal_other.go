//go:build !unix

package cli

import "io"

// terminalWidth is unknown on this platform: tables are not cut.
func terminalWidth(io.Writer) int { return 0 }

// isTerminal is unknown on this platform: no progress line.
func isTerminal(io.Writer) bool { return false }
