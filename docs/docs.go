// Package docs holds the project's documentation, for programs that need some text and have no other.
package docs

import "embed"

// FS holds the pages.
//
//go:embed *.md decisions/*.md
var FS embed.FS
