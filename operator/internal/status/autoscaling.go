package status

import "fmt"

// Reasons of the condition Autoscaling, beside Suspended and those of objects that are refused.
const (
	ReasonAutoscaled     = "Autoscaled"
	ReasonScalerHeld     = "ReplicasHeld"
	ReasonScalerNew      = "ScaledObjectPending"
	ReasonScalerFails    = "ScaledObjectNotReady"
	ReasonScalerInactive = "AutoscalerInactive"
	ReasonScalerShort    = "ReplicasUnavailable"
	ReasonScalerStays    = "ScaledObjectTerminating"
	ReasonNoKEDA         = "KEDANotInstalled"
)

// Autoscaling is how the scorer's autoscaling by KEDA is.
type Autoscaling struct {
	// Name is the ScaledObject's.
	Name string
	// Problem is why the scorer is not autoscaled; nil if it is. It never stalls the pipeline.
	Problem *Problem
	// Held is true where no replicas are added, since the scorer waits for what more of them would wait for as well.
	Held bool
	// Pending is true where KEDA has not yet said anything.
	Pending bool
}

// autoscaling is what the condition Autoscaling says, nil where there is none. Without it feedback flows, perhaps late.
func (d *derivation) autoscaling() *verdict {
	a := d.o.Autoscaling
	switch {
	case a == nil:
		return nil
	case a.Problem != nil:
		v := a.Problem.verdict()
		v.degraded = true
		return &v
	case d.p.Spec.Suspend:
		return new(good(ReasonSuspended, "the pipeline is suspended, and KEDA paused"))
	case a.Pending:
		return new(unknown(ReasonScalerNew, fmt.Sprintf("KEDA has not yet looked at ScaledObject %s; see whether it runs", a.Name)))
	}
	for _, w := range d.o.Workloads {
		if w.Elastic && w.Short != nil {
			v := bad(ReasonScalerShort, fmt.Sprintf("KEDA asks for %d replicas of %s, of which %d are available: %s", w.Asked, w.Name, w.Available, w.Short.Message))
			v.degraded = true
			return &v
		}
	}
	if a.Held {
		return new(good(ReasonScalerHeld, "the scorer waits for its backend or its budget, see Ready; no replicas are added meanwhile, since they would wait as well"))
	}
	return new(good(ReasonAutoscaled, fmt.Sprintf("KEDA sets the scorer's replicas by its lag (ScaledObject %s)", a.Name)))
}
