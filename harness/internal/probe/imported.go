package probe

import (
	"slices"

	"github.com/archbench/archbench/harness/internal/unit"
)

// The metrics of what other tools measure, at points task.
const (
	TaskSeconds   = "task_seconds"
	TaskPeakBytes = "task_peak_bytes"
	FigureValue   = "figure_value" // in a unit of the tool
)

// Imported lists what only files of other tools hold. No run measures it.
var Imported = []*Probe{taskProbe, figureProbe}

// All lists the probes of the table and the imported ones.
func All() []*Probe { return slices.Concat(Table, Imported) }

// taskProbe is the time of a command or benchmark.
var taskProbe = &Probe{
	Name: "task", Summary: "imported time of a command or benchmark",
	Axes: []Setting{{Name: "task", Doc: "name of the benchmark"}},
	Metrics: []Metric{
		{Name: TaskSeconds, Unit: unit.Second, Better: -1, Title: "time", Bench: "Task"},
		{Name: TaskPeakBytes, Unit: unit.Byte, Better: -1, Title: "peak memory"},
	},
	Quantities: []Quantity{
		{Name: "task-time", Title: "Time of a task", Metric: TaskSeconds, Main: "task"},
		{Name: "task-memory", Title: "Peak memory of a task", Metric: TaskPeakBytes, Main: "task", Optional: true},
	},
}

// figureProbe is any other number of a benchmark. It is not known which direction is better.
var figureProbe = &Probe{
	Name: "figure", Summary: "imported number of a benchmark",
	Axes:       []Setting{{Name: "task", Doc: "name of the benchmark, and the unit"}},
	Metrics:    []Metric{{Name: FigureValue, Title: "number"}},
	Quantities: []Quantity{{Name: "figure", Title: "Number of a benchmark", Metric: FigureValue, Main: "task"}},
}
