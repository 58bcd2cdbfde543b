package suite

import (
	"errors"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// included reads one entry of include: a suite and changes to it.
func (d *decoder) included(n ast.Node) error {
	var s *Suite
	var changes, drop ast.Node
	err := mapping(n, unknownKey, fields{
		"suite": func(n ast.Node) error {
			text, err := name(n)
			if err != nil {
				return err
			}
			s, err = d.include(text)
			if _, inside := errors.AsType[*Error](err); err != nil && !inside {
				return wrong(n, "%s", err)
			}
			return err
		},
		"set":  later(&changes),
		"drop": later(&drop),
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

// drop removes a probe from an included suite.
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

// change applies a mapping of keys to values.
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
		if err := s.assign(pair.Key.GetToken().Value, strings.Join(v, ",")); err != nil {
			return wrong(pair.Key, "%s", err)
		}
	}
	return nil
}
