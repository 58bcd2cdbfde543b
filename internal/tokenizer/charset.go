package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// charset is a set of characters: sorted ranges that neither overlap nor touch.
type charset []charRange

// charRange holds the characters from lo to hi inclusive.
type charRange struct{ lo, hi rune }

// chars is the set of the given characters.
func chars(list ...rune) charset {
	var s charset
	for _, r := range list {
		s = append(s, charRange{r, r})
	}
	return s.union(nil)
}

// anyChar holds all characters.
var anyChar = charset{{0, unicode.MaxRune}}

// union returns the characters in either set.
func (s charset) union(t charset) charset {
	all := slices.Concat(s, t)
	slices.SortFunc(all, func(a, b charRange) int { return cmp.Compare(a.lo, b.lo) })
	var out charset
	for _, r := range all {
		if n := len(out); n > 0 && r.lo <= out[n-1].hi+1 {
			out[n-1].hi = max(out[n-1].hi, r.hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// not returns all other characters.
func (s charset) not() charset {
	var out charset
	next := rune(0)
	for _, r := range s {
		if next < r.lo {
			out = append(out, charRange{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, charRange{next, unicode.MaxRune})
	}
	return out
}

// and returns the characters in both sets.
func (s charset) and(t charset) charset { return s.not().union(t.not()).not() }

// fold adds the other case of each character. It fails where case folding goes beyond ASCII and its simple
// counterparts, because there Oniguruma also matches one character with two.
func (s charset) fold() (charset, bool) {
	out := s
	for _, span := range s {
		for r := span.lo; r <= span.hi; r++ {
			if r > unicode.MaxASCII && (unicode.IsLetter(r) || unicode.SimpleFold(r) != r) {
				return nil, false
			}
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				out = append(out, charRange{f, f})
			}
		}
	}
	return out.union(nil), true
}

// ofTables returns the characters in any of the tables.
func ofTables(tables ...*unicode.RangeTable) charset {
	var s charset
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			s = append(s, charRange{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			s = append(s, charRange{r, r})
		}
	}
	for _, t := range tables {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return s.union(nil)
}

// wordTables holds the word characters.
var wordTables = []*unicode.RangeTable{unicode.L, unicode.Nl, unicode.Other_Alphabetic, unicode.M, unicode.Nd, unicode.Pc}

// properties holds the sets that \p{...} can name in addition to the tables of package unicode, under plain names.
var properties = sync.OnceValue(func() map[string]charset {
	alpha := ofTables(unicode.L, unicode.Nl, unicode.Other_Alphabetic)
	upper, lower := ofTables(unicode.Lu, unicode.Other_Uppercase), ofTables(unicode.Ll, unicode.Other_Lowercase)
	return map[string]charset{
		"alpha": alpha, "alphabetic": alpha, "upper": upper, "uppercase": upper, "lower": lower, "lowercase": lower,
		"alnum": alpha.union(ofTables(unicode.Nd)), "word": ofTables(wordTables...), "space": ofTables(unicode.White_Space),
		"blank": ofTables(unicode.Zs).union(chars('\t')), "xdigit": {{'0', '9'}, {'A', 'F'}, {'a', 'f'}},
		"any": anyChar, "ascii": {{0, unicode.MaxASCII}}, "assigned": ofTables(unicode.Cn).not(),
	}
})

// namedTables holds the tables of package unicode under plain names: scripts, categories under both names, and
// properties.
var namedTables = sync.OnceValue(func() map[string]*unicode.RangeTable {
	named := map[string]*unicode.RangeTable{}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Properties, unicode.Scripts, unicode.Categories} {
		for name, table := range tables {
			named[plainName(name)] = table
		}
	}
	for alias, category := range unicode.CategoryAliases {
		named[plainName(alias)] = unicode.Categories[category]
	}
	return named
})

// property returns the set \p{name}.
func property(name string) (charset, bool) {
	name = plainName(name)
	if s, ok := properties()[name]; ok {
		return s, true
	}
	table, ok := namedTables()[name]
	if !ok {
		return nil, false
	}
	return ofTables(table), true
}

// posixClass returns the set [:name:].
func posixClass(name string) (charset, bool) {
	switch name {
	case "punct":
		return ofTables(unicode.P, unicode.S), true
	case "alpha", "upper", "lower", "alnum", "word", "space", "blank", "xdigit", "ascii", "digit", "cntrl":
		return property(name)
	}
	return nil, false
}

// plainName drops case and separators from a name.
func plainName(name string) string {
	return strings.Map(func(r rune) rune { return dropIf(strings.ContainsRune(" -_", r), unicode.ToLower(r)) }, name)
}

// expression writes the set in regexp2 syntax.
func (s charset) expression() string {
	if len(s) == 0 {
		return "(?:(?!))" // never matches
	}
	var b strings.Builder
	b.WriteByte('[')
	for _, r := range s {
		b.WriteString(quoteRune(r.lo))
		if r.lo < r.hi {
			b.WriteString("-" + quoteRune(r.hi))
		}
	}
	b.WriteByte(']')
	return b.String()
}
