// Package shell quotes command lines for a POSIX shell.
package shell

import "strings"

// Quote returns a word quoted for a shell: unchanged if it has no special characters, else in single quotes.
func Quote(word string) string {
	if word != "" && word[0] != '=' && strings.IndexFunc(word, special) < 0 { // zsh expands a leading =
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// special reports whether a character may be special to a shell.
func special(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_@%+=:,./-", r))
}

// Join quotes words and joins them to a command line.
func Join(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
	}
	return strings.Join(quoted, " ")
}
