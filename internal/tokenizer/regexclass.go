package tokenizer

import (
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// escape parses an escape outside brackets.
func (p *regexParser) escape() (string, atomKind, error) {
	before := p.rest
	p.rest = p.rest[1:]
	if p.rest == "" {
		return "", atomKind{}, refuse(`\`, "ends the expression")
	}
	if anchor := anchors()[p.rest[0]]; anchor != "" {
		p.rest = p.rest[1:]
		return anchor, atomKind{}, nil
	}
	set, r, err := p.escaped(before)
	if err == nil && set == nil {
		return p.literal(r)
	}
	if part := before[:len(before)-len(p.rest)]; err == nil && isWord(part) {
		set = bareWord(part)
	}
	return set.expression(), atomKind{repeatable: true}, err
}

// anchors are the escapes that match a position.
var anchors = sync.OnceValue(func() map[byte]string {
	return map[byte]string{
		'A': `\A`, 'z': `\z`, 'Z': `(?=\x0A?\z)`,
		'b': boundary(`(?<=W)(?!W)|(?<!W)(?=W)`), 'B': boundary(`(?<=W)(?=W)|(?<!W)(?!W)`),
	}
})

// latinWord are characters that Oniguruma counts as word characters, except inside brackets.
var latinWord = chars('²', '³', '¹', '¼', '½', '¾')

// isWord reports whether an escape is \w or its complement.
func isWord(part string) bool {
	return strings.EqualFold(part, `\w`) || plainName(strings.NewReplacer("{", "", "}", "", "^", "").Replace(part)) == `\pword`
}

// bareWord is the set of such an escape outside brackets.
func bareWord(part string) charset {
	set := ofTables(wordTables...).union(latinWord)
	if (part[1] == 'W' || part[1] == 'P') != strings.Contains(part, "^") {
		return set.not()
	}
	return set
}

// boundary writes an expression about the word characters W.
func boundary(expr string) string {
	return "(?:" + strings.ReplaceAll(expr, "W", ofTables(wordTables...).union(latinWord).expression()) + ")"
}

// escaped parses an escape and returns its set, or a character if the set is nil. before is the rest of the expression
// from the backslash on.
func (p *regexParser) escaped(before string) (charset, rune, error) {
	r := p.next()
	if set, ok := classEscapes()[unicode.ToLower(r)]; ok {
		if unicode.IsUpper(r) {
			set = set.not()
		}
		return set, 0, nil
	}
	if char, ok := charEscapes[r]; ok {
		return nil, char, nil
	}
	switch {
	case r == 'p' || r == 'P':
		set, err := p.property(r == 'P')
		return set, 0, err
	case r == 'x' || r == 'u':
		char, err := p.code(r)
		return nil, char, err
	case r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
		return nil, 0, refuse(before[:2], notSupported)
	}
	return nil, r, nil
}

// classEscapes are the sets of lower-case escapes.
var classEscapes = sync.OnceValue(func() map[rune]charset {
	return map[rune]charset{'d': ofTables(unicode.Nd), 's': ofTables(unicode.White_Space), 'w': ofTables(wordTables...),
		'h': properties()["xdigit"]}
})

// charEscapes are the characters of single-letter escapes.
var charEscapes = map[rune]rune{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f', 'v': '\v', 'a': '\a', 'e': 0x1b}

// property parses {name} or {^name}.
func (p *regexParser) property(not bool) (charset, error) {
	name, after, found := strings.Cut(strings.TrimPrefix(p.rest, "{"), "}")
	if !found || !strings.HasPrefix(p.rest, "{") {
		return nil, refuse(`\p`, "without {name} "+notSupported)
	}
	p.rest = after
	plain, negated := strings.CutPrefix(name, "^")
	set, ok := property(plain)
	if !ok {
		return nil, refuse(`\p{`+name+"}", "names no known property")
	}
	if not != negated {
		set = set.not()
	}
	return set, nil
}

// code parses a character code: {h...} or hh after x, hhhh after u.
func (p *regexParser) code(kind rune) (rune, error) {
	digits := map[rune]int{'x': 2, 'u': 4}[kind]
	var text string
	if kind == 'x' && strings.HasPrefix(p.rest, "{") {
		text, p.rest, _ = strings.Cut(p.rest[1:], "}")
	} else {
		n := min(digits, len(p.rest))
		text, p.rest = p.rest[:n], p.rest[n:]
		if kind == 'x' && text >= "8" {
			return 0, refuse(`\x`+text, "as one byte of several "+notSupported)
		}
	}
	code, err := strconv.ParseUint(text, 16, 32)
	if err != nil || code > unicode.MaxRune || 0xd800 <= code && code < 0xe000 || len(text) < digits && kind == 'u' {
		return 0, refuse(`\`+string(kind)+text, "is no character")
	}
	return rune(code), nil
}

// class parses a bracketed set.
func (p *regexParser) class() (charset, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, refuse("[", "nests too deep")
	}
	defer func() { p.depth-- }()
	p.skip("[")
	not := p.skip("^")
	both, set := anyChar, charset(nil)
	for first := true; first || !strings.HasPrefix(p.rest, "]"); first = false {
		if p.rest == "" {
			return nil, refuse("[", "is not closed")
		}
		if p.skip("&&") {
			both, set = both.and(set), nil
			continue
		}
		item, err := p.classItem()
		if err != nil {
			return nil, err
		}
		set = set.union(item)
	}
	p.skip("]")
	set = both.and(set)
	if p.fold {
		folded, ok := set.fold()
		if !ok {
			return nil, refuse("[...]", "beyond ASCII where case is ignored "+notSupported)
		}
		set = folded
	}
	if not {
		set = set.not()
	}
	return set, nil
}

// classItem parses a member of a bracketed set: a character, a range or another set.
func (p *regexParser) classItem() (charset, error) {
	if name, after, found := strings.Cut(strings.TrimPrefix(p.rest, "[:"), ":]"); found && strings.HasPrefix(p.rest, "[:") {
		p.rest = after
		plain, negated := strings.CutPrefix(name, "^")
		set, ok := posixClass(plain)
		if !ok {
			return nil, refuse("[:"+name+":]", notSupported)
		}
		if negated {
			set = set.not()
		}
		return set, nil
	}
	if strings.HasPrefix(p.rest, "[") {
		return p.class()
	}
	set, lo, err := p.classChar()
	if err != nil || !strings.HasPrefix(p.rest, "-") || strings.HasPrefix(p.rest, "-]") {
		return orChar(set, lo), err
	}
	p.skip("-")
	other, hi, err := p.classChar()
	switch {
	case err != nil:
		return nil, err
	case set != nil, other != nil, lo > hi:
		return nil, refuse("-", "in brackets is between no two characters in order")
	}
	if strings.HasPrefix(p.rest, "-") && !strings.HasPrefix(p.rest, "-]") { // a dash after a range is literal
		p.skip("-")
		return charset{{lo, hi}}.union(chars('-')), nil
	}
	return charset{{lo, hi}}, nil
}

// orChar returns the set, or the set of one character if it is nil.
func orChar(set charset, r rune) charset {
	if set != nil {
		return set
	}
	return chars(r)
}

// classChar parses a character in brackets, or an escape for a set.
func (p *regexParser) classChar() (charset, rune, error) {
	switch before := p.rest; {
	case before == "" || before[0] == '[':
		return nil, 0, refuse("-[", notSupported)
	case len(before) > 1 && strings.HasPrefix(before, `\b`):
		p.rest = before[2:]
		return nil, '\b', nil
	case before[0] == '\\' && len(before) > 1:
		p.rest = before[1:]
		return p.escaped(before)
	}
	return nil, p.next(), nil
}
