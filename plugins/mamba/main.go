package main

import (
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/lm/lmplugin"
)

func main() { lmplugin.Serve(engine.New(Family{})) }
