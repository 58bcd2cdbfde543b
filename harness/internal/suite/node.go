package suite

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// fields maps each key of a mapping to its reader.
type fields map[string]func(ast.Node) error

// into returns a field that stores the result of read.
func into[T any](value *T, read func(ast.Node) (T, error)) func(ast.Node) error {
	return func(n ast.Node) (err error) {
		*value, err = read(n)
		return err
	}
}

// later returns a field that keeps the node, to be read after the other keys.
func later(node *ast.Node) func(ast.Node) error {
	return into(node, func(n ast.Node) (ast.Node, error) { return n, nil })
}

// unknownKey formats the error of an unknown key from the key and the known ones.
const unknownKey = "unknown key %q: there are %s"

// mapping reads every key of a mapping with its field, in file order. unknown formats errors like unknownKey.
func mapping(n ast.Node, unknown string, known fields) error {
	pairs, err := entries(n)
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		key := pair.Key.GetToken().Value
		read, ok := known[key]
		if !ok {
			return wrong(pair.Key, unknown, key, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if err := read(pair.Value); err != nil {
			return err
		}
	}
	return nil
}

// entries returns the pairs of a mapping.
func entries(n ast.Node) ([]*ast.MappingValueNode, error) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, nil
	default:
		return nil, wrong(n, "expected keys with values, found %s", kind(n))
	}
}

// each reads the entries of a list; a missing list is empty.
func each(n ast.Node, read func(ast.Node) error) error {
	if n == nil {
		return nil
	}
	list, ok := n.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		return wrong(n, "expected a list with entries, found %s", kind(n))
	}
	for _, entry := range list.Values {
		if err := read(entry); err != nil {
			return err
		}
	}
	return nil
}

// values reads a scalar or a list of scalars, and expands ranges.
func values(n ast.Node) ([]string, error) {
	var all []string
	one := func(n ast.Node) error {
		text, err := scalar(n)
		all = append(all, text)
		return err
	}
	read := one
	if _, ok := n.(*ast.SequenceNode); ok {
		read = func(n ast.Node) error { return each(n, one) }
	}
	if err := read(n); err != nil {
		return nil, err
	}
	all, err := expand(all)
	if err != nil {
		return nil, wrong(n, "%s", err)
	}
	return all, nil
}

// scalar reads a string, number or word as written.
func scalar(n ast.Node) (string, error) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return strings.TrimSpace(v.Value.Value), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	default:
		return "", wrong(n, "expected one value, found %s", kind(n))
	}
}

// whole reads an integer of at least 1.
func whole(n ast.Node) (int, error) {
	text, err := scalar(n)
	if err != nil {
		return 0, err
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 {
		return 0, wrong(n, "expected a whole number of at least 1, found %q", text)
	}
	return v, nil
}

// names matches valid suite names. They become part of file names and report anchors.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// name reads a suite's name.
func name(n ast.Node) (string, error) {
	text, err := scalar(n)
	if err == nil && !names.MatchString(text) {
		err = wrong(n, "expected a name of small letters, digits and hyphens, found %q", text)
	}
	return text, err
}

// kind names a node's type.
func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias, which suites do not use"
	default:
		return strconv.Quote(n.GetToken().Value)
	}
}
