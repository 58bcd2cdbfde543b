package suite

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/archbench/archbench/harness/internal/probe"
)

// Error is an error in a suite file.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 for the file as a whole
	Message      string // what is wrong
	Excerpt      string // the source line, with a marker
}

// Error returns "file:line:column: message" and, on further lines, the excerpt.
func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s = fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
	}
	s += ": " + e.Message
	if e.Excerpt != "" {
		s += "\n" + e.Excerpt
	}
	return s
}

// Parse parses a suite; file is its name in errors. It may include built-in suites.
func Parse(file string, data []byte) (*Suite, error) {
	return parse(source{name: file, data: data}, Load)
}

// source is the text of a suite.
type source struct {
	name string // in errors
	path string // absolute; "" for built-in suites
	data []byte
}

// parse parses a source.
func parse(from source, include func(string) (*Suite, error)) (*Suite, error) {
	d := &decoder{include: include, path: from.path, suite: &Suite{Version: 1}, span: DefaultSpan}
	err := d.document(from.data)
	if err == nil {
		return d.suite, nil
	}
	if included, ok := errors.AsType[*Error](err); ok {
		return nil, included
	}
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return nil, &Error{File: from.name, Message: err.Error()}
	}
	_, excerpt, _ := strings.Cut(at.FormatError(false, true), "\n")
	position := at.GetToken().Position
	return nil, &Error{File: from.name, Line: position.Line, Column: position.Column, Message: at.GetMessage(), Excerpt: excerpt}
}

// decoder builds a suite from the nodes of a YAML file.
type decoder struct {
	include    func(string) (*Suite, error)
	path       string
	suite      *Suite
	repeats    int
	span       time.Duration // of the calls of a sample
	precisions []string
}

// wrong returns an error at a node.
func wrong(n ast.Node, format string, args ...any) error {
	return &yaml.SyntaxError{Message: fmt.Sprintf(format, args...), Token: n.GetToken()}
}

// document reads the whole file.
func (d *decoder) document(data []byte) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if brackets(data) > mostBrackets {
		return fmt.Errorf("more than %d brackets are open at once", mostBrackets)
	}
	f, err := parser.ParseBytes(data, 0)
	switch {
	case err != nil:
		return err
	case len(f.Docs) != 1 || f.Docs[0].Body == nil:
		return errors.New("a suite file holds one YAML document")
	}
	var probes, includes ast.Node
	err = mapping(f.Docs[0].Body, unknownKey, fields{
		"name":       into(&d.suite.Name, name),
		"version":    into(&d.suite.Version, whole),
		"summary":    into(&d.suite.Summary, scalar),
		"budget":     into(&d.suite.Budget, duration),
		"repeats":    into(&d.repeats, whole),
		"span":       into(&d.span, spanOf),
		"precisions": into(&d.precisions, values),
		"probes":     later(&probes),
		"include":    later(&includes),
	})
	switch {
	case err != nil:
		return err
	case d.suite.Name == "":
		return wrong(f.Docs[0].Body, "a suite needs a name")
	case probes == nil && includes == nil:
		return wrong(f.Docs[0].Body, "a suite needs probes, or others to include")
	}
	if err := each(includes, d.included); err != nil {
		return err
	}
	return each(probes, d.probe)
}

// mostBrackets is far more than a suite needs. The parser's time grows with the square of the depth.
const mostBrackets = 100

// brackets is the largest nesting depth of brackets, counting those in strings and comments.
func brackets(data []byte) (most int) {
	open := 0
	for _, c := range data {
		switch c {
		case '[', '{':
			open++
			most = max(most, open)
		case ']', '}':
			open = max(0, open-1)
		}
	}
	return most
}

// probe reads one entry of probes.
func (d *decoder) probe(n ast.Node) error {
	var part Part
	var grid, with, repeats ast.Node
	err := mapping(n, unknownKey, fields{
		"probe": func(n ast.Node) error {
			text, err := scalar(n)
			if err != nil {
				return err
			}
			p := probe.Find(text)
			if p == nil || slices.Contains(probe.Imported, p) {
				return wrong(n, "unknown probe %q: there are %s", text, strings.Join(probeNames(), ", "))
			}
			part = Default(d.suite.Name, p)
			part.File = d.path
			return nil
		},
		"grid":    later(&grid),
		"with":    later(&with),
		"repeats": later(&repeats),
	})
	switch {
	case err != nil:
		return err
	case part.Probe == nil:
		return wrong(n, "an entry of probes needs the name of its probe")
	}
	part.Precisions = slices.Clone(d.precisions)
	if err := d.setRepeats(&part, repeats); err != nil {
		return err
	}
	if err := part.settings(grid, part.Probe.Axes, "axis"); err != nil {
		return err
	}
	if err := part.settings(with, part.Probe.Params, "parameter"); err != nil {
		return err
	}
	d.suite.Parts = append(d.suite.Parts, part)
	return nil
}

// spanOf reads a span.
func spanOf(n ast.Node) (time.Duration, error) {
	text, err := scalar(n)
	if err != nil {
		return 0, err
	}
	d, err := span([]string{text})
	if err != nil {
		err = wrong(n, "%s", err)
	}
	return d, err
}

// setRepeats sets a part's repeats and span from its entry, else from the suite.
func (d *decoder) setRepeats(p *Part, n ast.Node) (err error) {
	switch {
	case n != nil && !p.Probe.Timing:
		return wrong(n, "probe %s does not vary from call to call and is not repeated", p.Probe.Name)
	case n != nil:
		p.Repeats, err = whole(n)
	case d.repeats > 0 && p.Probe.Timing:
		p.Repeats = d.repeats
	}
	if p.Probe.Timing {
		p.Span = d.span
	}
	return err
}

// settings reads the values of axes or parameters.
func (p *Part) settings(n ast.Node, known []probe.Setting, kind string) error {
	if n == nil {
		return nil
	}
	all := fields{}
	for _, s := range known {
		all[s.Name] = func(n ast.Node) error {
			v, err := values(n)
			if err != nil {
				return err
			}
			if _, err = p.set(s.Name, v); err != nil {
				return wrong(n, "%s", err)
			}
			return nil
		}
	}
	return mapping(n, "unknown "+kind+" %q of probe "+p.Probe.Name+": it has %s", all)
}

// probeNames lists the probes, for messages.
func probeNames() (all []string) {
	for _, p := range probe.Table {
		all = append(all, p.Name)
	}
	return all
}

// duration parses a duration like 5m or 90s.
func duration(n ast.Node) (time.Duration, error) {
	text, err := scalar(n)
	if err != nil {
		return 0, err
	}
	v, err := time.ParseDuration(text)
	if err != nil || v <= 0 {
		return 0, wrong(n, "expected a duration like 5m or 90s, found %q", text)
	}
	return v, nil
}
