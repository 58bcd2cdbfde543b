package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/archbench/archbench/harness/internal/probe"
)

// Error is a mistake in a suite file.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 where the file as a whole is meant
	Message      string // what is wrong
	Excerpt      string // the place, with a mark
}

// Error returns "file:line:column: message" and, on further lines, the place.
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

// Parse reads the text of a suite; file is its name in errors. It may include the suites that ship with archbench.
func Parse(file string, data []byte) (*Suite, error) { return parse(file, data, Load) }

// parse reads the text of a suite.
func parse(file string, data []byte, include func(string) (*Suite, error)) (*Suite, error) {
	d := &decoder{include: include, suite: &Suite{Version: 1}}
	err := d.document(data)
	if err == nil {
		return d.suite, nil
	}
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return nil, &Error{File: file, Message: err.Error()}
	}
	_, excerpt, _ := strings.Cut(at.FormatError(false, true), "\n")
	position := at.GetToken().Position
	return nil, &Error{File: file, Line: position.Line, Column: position.Column, Message: at.GetMessage(), Excerpt: excerpt}
}

// decoder builds a suite from the nodes of a YAML file.
type decoder struct {
	include func(string) (*Suite, error)
	suite   *Suite
	repeats int
	low     []string // precisions
}

// wrong is an error at a node.
func wrong(n ast.Node, format string, args ...any) error {
	return wrongAt(n.GetToken(), format, args...)
}

func wrongAt(t *token.Token, format string, args ...any) error {
	return &yaml.SyntaxError{Message: fmt.Sprintf(format, args...), Token: t}
}

// document reads the whole file.
func (d *decoder) document(data []byte) error {
	f, err := parser.ParseBytes(data, 0)
	switch {
	case err != nil:
		return err
	case len(f.Docs) != 1 || f.Docs[0].Body == nil:
		return errors.New("a suite file holds one YAML document")
	}
	var probes, includes ast.Node
	err = mapping(f.Docs[0].Body, fields{
		"name":       func(n ast.Node) (err error) { d.suite.Name, err = name(n); return err },
		"version":    func(n ast.Node) (err error) { d.suite.Version, err = whole(n); return err },
		"summary":    func(n ast.Node) (err error) { d.suite.Summary, err = scalar(n); return err },
		"budget":     func(n ast.Node) (err error) { d.suite.Budget, err = duration(n); return err },
		"repeats":    func(n ast.Node) (err error) { d.repeats, err = whole(n); return err },
		"precisions": func(n ast.Node) (err error) { d.low, err = values(n); return err },
		"probes":     func(n ast.Node) error { probes = n; return nil },
		"include":    func(n ast.Node) error { includes = n; return nil },
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

// probe reads one entry of probes.
func (d *decoder) probe(n ast.Node) error {
	var part Part
	settings := map[string]ast.Node{}
	var repeatsNode ast.Node
	err := mapping(n, fields{
		"probe": func(n ast.Node) error {
			text, err := scalar(n)
			if err != nil {
				return err
			}
			p := probe.Find(text)
			if p == nil {
				return wrong(n, "unknown probe %q: there are %s", text, strings.Join(probeNames(), ", "))
			}
			part = Default(d.suite.Name, p)
			return nil
		},
		"grid":    func(n ast.Node) error { settings["grid"] = n; return nil },
		"with":    func(n ast.Node) error { settings["with"] = n; return nil },
		"repeats": func(n ast.Node) error { repeatsNode = n; return nil },
	})
	switch {
	case err != nil:
		return err
	case part.Probe == nil:
		return wrong(n, "an entry of probes needs the name of its probe")
	}
	part.Precisions = slices.Clone(d.low)
	if d.repeats > 0 && part.Probe.Timing {
		part.Repeats = d.repeats
	}
	if repeatsNode != nil {
		if !part.Probe.Timing {
			return wrong(repeatsNode, "probe %s does not vary from call to call and is not repeated", part.Probe.Name)
		}
		if part.Repeats, err = whole(repeatsNode); err != nil {
			return err
		}
	}
	if err := part.settings(settings["grid"], part.Probe.Axes, "axis"); err != nil {
		return err
	}
	if err := part.settings(settings["with"], part.Probe.Params, "parameter"); err != nil {
		return err
	}
	d.suite.Parts = append(d.suite.Parts, part)
	return nil
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
	if err := mapping(n, all); err != nil {
		var unknown *unknownKey
		if errors.As(err, &unknown) {
			return wrongAt(unknown.token, "unknown %s %q of probe %s: it has %s", kind, unknown.token.Value, p.Probe.Name, unknown.known)
		}
		return err
	}
	return nil
}

// included reads one entry of include: a suite with its changes.
func (d *decoder) included(n ast.Node) error {
	var s *Suite
	var changes, drop ast.Node
	err := mapping(n, fields{
		"suite": func(n ast.Node) error {
			text, err := name(n)
			if err != nil {
				return err
			}
			if s, err = d.include(text); err != nil {
				return wrong(n, "%s", err)
			}
			return nil
		},
		"set":  func(n ast.Node) error { changes = n; return nil },
		"drop": func(n ast.Node) error { drop = n; return nil },
	})
	switch {
	case err != nil:
		return err
	case s == nil:
		return wrong(n, "an entry of include needs the name of its suite")
	}
	if err := each(drop, s.drop); err != nil {
		return err
	}
	if err := s.change(changes); err != nil {
		return err
	}
	for _, p := range s.Parts {
		d.suite.Parts = append(d.suite.Parts, p.clone())
	}
	return nil
}

// drop leaves a probe of an included suite out.
func (s *Suite) drop(n ast.Node) error {
	text, err := scalar(n)
	if err != nil {
		return err
	}
	before := len(s.Parts)
	s.Parts = slices.DeleteFunc(s.Parts, func(p Part) bool { return p.Probe.Name == text })
	if len(s.Parts) == before {
		return wrong(n, "suite %s has no probe %q", s.Name, text)
	}
	return nil
}

// change applies a mapping of keys to values, as Set does.
func (s *Suite) change(n ast.Node) error {
	if n == nil {
		return nil
	}
	pairs, err := entries(n)
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		v, err := values(pair.Value)
		if err != nil {
			return err
		}
		if err := s.Set(pair.Key.GetToken().Value, strings.Join(v, ",")); err != nil {
			return wrong(pair.Key, "%s", err)
		}
	}
	return nil
}

// probeNames lists the probes, for messages.
func probeNames() (all []string) {
	for _, p := range probe.Table {
		all = append(all, p.Name)
	}
	return all
}

// duration reads a duration like 5m or 90s.
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
