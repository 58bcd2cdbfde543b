// Package spelling suggests the words that a user may have meant.
package spelling

import (
	"cmp"
	"slices"
	"strings"
)

// longest bounds the length of compared words, because the work grows with the product of their lengths.
const longest = 256

// Nearest returns up to n of words that resemble word, nearest first. A match differs in at most half of its letters,
// ignoring case.
func Nearest(word string, words []string, n int) []string {
	type near struct {
		word     string
		distance int
	}
	var list []near
	for _, w := range words {
		if len(w) > longest || len(word) > longest {
			continue
		}
		if d := distance(strings.ToLower(word), strings.ToLower(w)); d <= len(word)/2 {
			list = append(list, near{w, d})
		}
	}
	slices.SortStableFunc(list, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	var found []string
	for _, l := range list[:min(n, len(list))] {
		found = append(found, l.word)
	}
	return found
}

// distance is the Levenshtein distance: the number of letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := corner
			if a[i] != b[j] {
				replaced++
			}
			corner = row[j+1]
			row[j+1] = min(row[j]+1, row[j+1]+1, replaced)
		}
	}
	return row[len(b)]
}
