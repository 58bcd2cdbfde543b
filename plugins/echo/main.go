// Command archbench-plugin-echo serves the uniform distribution, whose loss is exactly ln V, instead of a real model: a
// call costs no more than the plugin boundary itself. It also measures the host's ceilings, so the harness gets them
// over the same contract as everything else.
package main

import "github.com/archbench/archbench/lm/lmplugin"

func main() { lmplugin.Serve(architecture{}) }
