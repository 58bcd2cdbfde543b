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

// Split returns the words of a line that Join made. It reports false for other syntax of a shell.
func Split(line string) (words []string, ok bool) {
	word, open, quoted := "", false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted, open = !quoted, true
		case quoted:
			word += line[i : i+1]
		case c == '\\' && strings.HasPrefix(line[i:], `\'`):
			word, i = word+"'", i+1
		case c == ' ':
			if open {
				words = append(words, word)
			}
			word, open = "", false
		case special(rune(c)):
			return nil, false
		default:
			word, open = word+line[i:i+1], true
		}
	}
	if open {
		words = append(words, word)
	}
	return words, !quoted
}
