// Package shell writes command lines that a POSIX shell reads back word by word.
package shell

import "strings"

// Quote returns a word as a shell takes it literally: as it is where nothing in it has a meaning, else in single
// quotes.
func Quote(word string) string {
	if word != "" && word[0] != '=' && strings.IndexFunc(word, special) < 0 { // zsh expands a leading =
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// special reports whether a character may mean something to a shell.
func special(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_@%+=:,./-", r))
}

// Join returns a command line of words.
func Join(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
	}
	return strings.Join(quoted, " ")
}
