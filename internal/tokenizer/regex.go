package tokenizer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// translate rewrites an Oniguruma regular expression, the dialect of tokenizer files, for regexp2. Character sets are
// expanded to ranges, so \s, \w or \p{Han} do not depend on the engine. Syntax that regexp2 reads differently, or that
// is unknown here, is an error.
func translate(expr string) (string, error) {
	p := regexParser{rest: expr}
	out, err := p.alternatives()
	if err == nil && p.rest != "" {
		err = refuse(")", "closes nothing")
	}
	return out, err
}

// regexParser is a recursive-descent parser; each method returns what it read in regexp2 syntax.
type regexParser struct {
	rest   string
	fold   bool // (?i)
	dotAll bool // (?m) in Ruby's sense
	behind bool // inside a look-behind
	depth  int
}

// maxDepth bounds the nesting of groups.
const maxDepth = 100

// refuse is the error for part of an expression.
func refuse(part, why string) error { return fmt.Errorf("%q %s", part, why) }

// notSupported is the reason for most refusals.
const notSupported = "is not supported"

// alternatives parses to the end of a group.
func (p *regexParser) alternatives() (string, error) {
	if p.depth++; p.depth > maxDepth {
		return "", fmt.Errorf("groups nest deeper than %d", maxDepth)
	}
	defer func(fold, dotAll bool) { p.fold, p.dotAll, p.depth = fold, dotAll, p.depth-1 }(p.fold, p.dotAll)
	var b strings.Builder
	for {
		part, err := p.sequence()
		if err != nil {
			return "", err
		}
		b.WriteString(part)
		if !p.skip("|") {
			return b.String(), nil
		}
		b.WriteByte('|')
	}
}

// skip consumes s if it comes next.
func (p *regexParser) skip(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

// next reads a character.
func (p *regexParser) next() rune {
	r, n := utf8.DecodeRuneInString(p.rest)
	p.rest = p.rest[n:]
	return r
}

// sequence parses to the next alternative.
func (p *regexParser) sequence() (string, error) {
	var b strings.Builder
	last := rune(0) // a literal
	for p.rest != "" && p.rest[0] != '|' && p.rest[0] != ')' {
		before := p.rest
		atom, a, err := p.atom()
		if err != nil {
			return "", err
		}
		if p.fold && ligatures[strings.ToLower(string([]rune{last, a.char}))] {
			return "", refuse(before, "matches a ligature where case is ignored: "+notSupported)
		}
		if last = a.char; a.repeatable {
			if atom, err = p.quantifiers(atom); err != nil {
				return "", err
			}
		}
		b.WriteString(atom)
	}
	return b.String(), nil
}

// ligatures are the letter pairs that case-insensitive Oniguruma also matches with a single character.
var ligatures = map[string]bool{"ss": true, "ff": true, "fi": true, "fl": true, "st": true}

// atomKind classifies an atom.
type atomKind struct {
	repeatable bool
	char       rune // the literal character; 0: none
}

// atom parses one operand of a quantifier.
func (p *regexParser) atom() (string, atomKind, error) {
	whole := atomKind{repeatable: true}
	switch p.rest[0] {
	case '(':
		return p.group()
	case '[':
		set, err := p.class()
		return set.expression(), whole, err
	case '\\':
		return p.escape()
	}
	switch r := p.next(); r {
	case '.':
		if p.dotAll {
			return anyChar.expression(), whole, nil
		}
		return chars('\n').not().expression(), whole, nil
	case '^':
		return `(?:\A|(?<=\x0A)(?!\z))`, atomKind{}, nil
	case '$':
		return `(?=\x0A|\z)`, atomKind{}, nil
	case '*', '+', '?':
		return "", whole, refuse(string(r), "repeats nothing")
	default:
		return p.literal(r)
	}
}

// literal writes a literal character.
func (p *regexParser) literal(r rune) (string, atomKind, error) {
	kind := atomKind{repeatable: true, char: r}
	if !p.fold {
		return quoteRune(r), kind, nil
	}
	set, ok := chars(r).fold()
	if !ok {
		return "", kind, refuse(string(r), "where case is ignored "+notSupported)
	}
	return set.expression(), kind, nil
}

// quoteRune escapes a character.
func quoteRune(r rune) string {
	switch {
	case r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
		return string(r)
	case r <= 0xff:
		return fmt.Sprintf(`\x%02X`, r)
	case !utf8.ValidRune(r): // half of a surrogate pair, at the border of some sets
		return fmt.Sprintf(`\u%04X`, r)
	}
	return string(r)
}

// quantifiers parses the quantifiers after an atom.
func (p *regexParser) quantifiers(atom string) (string, error) {
	for count := 0; ; count++ {
		q, simple, err := p.quantifier()
		if q == "" || err != nil {
			return atom, err
		}
		if isAtomic(atom) {
			return "", refuse(q, "of what is atomic or possessive as a whole "+notSupported)
		}
		if count > 0 {
			atom = "(?:" + atom + ")"
		}
		atom += q
		switch {
		case strings.HasPrefix(p.rest, "?") && (simple || strings.Contains(q, ",")):
			p.rest = p.rest[1:]
			atom += "?"
		case simple && p.skip("+"):
			if p.behind {
				return "", refuse(q+"+", "in a look-behind "+notSupported)
			}
			atom = "(?>" + atom + ")"
		}
	}
}

// isAtomic reports whether a translated atom is a single atomic group, possibly inside other groups. The engines
// disagree on repeating those. Literal parentheses are always escaped, so they cannot be mistaken for groups.
func isAtomic(atom string) bool {
	for strings.HasPrefix(atom, "(?:") && closes(atom) {
		atom = atom[len("(?:") : len(atom)-1]
	}
	return strings.HasPrefix(atom, "(?>") && closes(atom)
}

// closes reports whether the group opened at the start of s closes at its end.
func closes(s string) bool {
	depth := 0
	for i, r := range s {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return i == len(s)-1
		}
	}
	return false
}

// braces matches a quantifier with numbers.
var braces = regexp.MustCompile(`^\{([0-9]*)(,?)([0-9]*)\}`)

// quantifier parses one quantifier, "" if there is none, and reports whether it is a single sign. Braces without
// numbers are literals.
func (p *regexParser) quantifier() (q string, simple bool, err error) {
	if p.rest != "" && strings.ContainsRune("*+?", rune(p.rest[0])) {
		q, p.rest = p.rest[:1], p.rest[1:]
		return q, true, nil
	}
	m := braces.FindStringSubmatch(p.rest)
	if m == nil || m[1]+m[3] == "" {
		return "", false, nil
	}
	low, high, isRange := m[1], m[3], m[2] == ","
	if !isRange {
		high = low
	}
	least, errLow := strconv.ParseUint("0"+low, 10, 17)
	most, errHigh := strconv.ParseUint("0"+high, 10, 17)
	if errLow != nil || errHigh != nil || high != "" && least > most {
		return "", false, refuse(m[0], notSupported)
	}
	p.rest = p.rest[len(m[0]):]
	switch {
	case !isRange:
		return fmt.Sprintf("{%d}", least), false, nil
	case high == "":
		return fmt.Sprintf("{%d,}", least), false, nil
	}
	return fmt.Sprintf("{%d,%d}", least, most), false, nil
}

// group parses a parenthesized group. There are no back-references, so no group captures.
func (p *regexParser) group() (string, atomKind, error) {
	if p.skip("(?#") {
		_, after, found := strings.Cut(p.rest, ")")
		if !found {
			return "", atomKind{}, refuse("(?#", "is not closed")
		}
		p.rest = after
		return "", atomKind{}, nil
	}
	for _, open := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if p.skip(open) {
			behind := p.behind
			p.behind = behind || strings.Contains(open, "<")
			body, err := p.body(open)
			p.behind = behind
			return body, atomKind{}, err
		}
	}
	if strings.HasPrefix(p.rest, "(?>") && p.behind {
		return "", atomKind{}, refuse("(?>", "in a look-behind "+notSupported)
	}
	for _, open := range []string{"(?:", "(?>"} {
		if p.skip(open) {
			body, err := p.body(open)
			return body, atomKind{repeatable: true}, err
		}
	}
	if p.skip("(?<") {
		_, after, found := strings.Cut(p.rest, ">")
		if !found {
			return "", atomKind{}, refuse("(?<", "is not closed")
		}
		p.rest = after
	} else if strings.HasPrefix(p.rest, "(?") {
		return p.options()
	} else {
		p.skip("(")
	}
	body, err := p.body("(?:")
	return body, atomKind{repeatable: true}, err
}

// body parses the inside of a group and its closing parenthesis.
func (p *regexParser) body(open string) (string, error) {
	inner, err := p.alternatives()
	if err != nil {
		return "", err
	}
	if !p.skip(")") {
		return "", refuse(open, "is not closed")
	}
	return open + inner + ")", nil
}

// options parses (?i-m:...), or (?i), which holds to the end of the enclosing group.
func (p *regexParser) options() (string, atomKind, error) {
	n := strings.IndexAny(p.rest, ":)")
	if n < 0 {
		return "", atomKind{}, refuse("(?", "is not closed")
	}
	flags, end := p.rest[2:n], p.rest[n]
	fold, dotAll, on := p.fold, p.dotAll, true
	defer func() { p.fold, p.dotAll = fold, dotAll }()
	for _, flag := range flags {
		switch flag {
		case '-':
			on = false
		case 'i':
			p.fold = on
		case 'm':
			p.dotAll = on
		default:
			return "", atomKind{}, refuse(p.rest[:n+1], notSupported)
		}
	}
	p.rest = p.rest[n+1:]
	if end == ':' {
		body, err := p.body("(?:")
		return body, atomKind{repeatable: true}, err
	}
	inner, err := p.alternatives()
	return "(?:" + inner + ")", atomKind{}, err
}
