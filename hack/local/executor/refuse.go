package executor

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// What a pod and its container may say. The fields that don't matter to a process on this machine (scheduling,
// security, resources) are let through; any other changes what would run, and is refused.
var (
	podFields = []string{
		"containers", "volumes", "terminationGracePeriodSeconds", "restartPolicy", "dnsPolicy", "schedulerName",
		"securityContext", "serviceAccountName", "serviceAccount", "automountServiceAccountToken", "enableServiceLinks",
		"nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "priorityClassName", "imagePullSecrets",
		"runtimeClassName",
	}
	containerFields = []string{
		"name", "image", "imagePullPolicy", "command", "args", "env", "ports", "resources", "securityContext",
		"volumeMounts", "readinessProbe", "livenessProbe", "startupProbe", "lifecycle",
		"terminationMessagePath", "terminationMessagePolicy",
	}
	probeFields = []string{
		"httpGet", "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold",
	}
)

// refused is why the field at path can't be run here.
func refused(d *appsv1.Deployment, path, why string) error {
	return fmt.Errorf("deployment %s: spec.template.spec.%s: %s", d.Name, path, why)
}

// runnable tells whether the deployment's pods can be processes: nil, or the first field that stands against it.
func runnable(d *appsv1.Deployment) error {
	pod := d.Spec.Template.Spec
	if n := len(pod.Containers); n != 1 {
		return refused(d, "containers", fmt.Sprintf("%d containers, but a process stands for exactly one", n))
	}
	if path := unknownField(&pod, podFields); path != "" {
		return refused(d, path, "a process on this machine has no such thing")
	}
	for i, v := range pod.Volumes {
		if v.EmptyDir == nil {
			return refused(d, fmt.Sprintf("volumes[%d]", i), "only an emptyDir can be left out here; give settings by env")
		}
	}
	return runnableContainer(d, &pod.Containers[0])
}

func runnableContainer(d *appsv1.Deployment, c *corev1.Container) error {
	const at = "containers[0]."
	if path := unknownField(c, containerFields); path != "" {
		return refused(d, at+path, "a process on this machine has no such thing")
	}
	if len(c.Command) == 0 {
		return refused(d, at+"command", "must be explicit")
	}
	for i, m := range c.VolumeMounts {
		if m.MountPath != "/tmp" || m.SubPath != "" || m.SubPathExpr != "" {
			return refused(d, fmt.Sprintf("%svolumeMounts[%d]", at, i), "only a whole emptyDir at /tmp can be left out here; give paths by env")
		}
	}
	if c.Lifecycle != nil {
		for _, hook := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if hook != nil && hook.Sleep == nil {
				return refused(d, at+"lifecycle", "hooks don't run here")
			}
		}
	}
	for name, probe := range map[string]*corev1.Probe{"readinessProbe": c.ReadinessProbe, "livenessProbe": c.LivenessProbe, "startupProbe": c.StartupProbe} {
		if probe == nil {
			continue
		}
		if path := unknownField(probe, probeFields); path != "" {
			return refused(d, at+name+"."+path, "only httpGet is asked here")
		}
	}
	return runnablePorts(d, c)
}

// runnablePorts refuses a port that no variable sets: several processes share one machine's ports.
func runnablePorts(d *appsv1.Deployment, c *corev1.Container) error {
	set := map[string]bool{}
	for _, e := range c.Env {
		if _, port, err := net.SplitHostPort(e.Value); err == nil && listens(e.Name) {
			set[port] = true
		}
	}
	for i, p := range c.Ports {
		path := fmt.Sprintf("containers[0].ports[%d]", i)
		if p.HostPort != 0 {
			return refused(d, path+".hostPort", "is fixed")
		}
		if !set[strconv.Itoa(int(p.ContainerPort))] {
			return refused(d, path, fmt.Sprintf("%d is fixed: no variable ending in LISTEN_ADDRESS sets it", p.ContainerPort))
		}
	}
	return nil
}

// unknownField is the first field of object, by name, that has a value and isn't among the known ones.
func unknownField(object any, known []string) string {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err.Error()
	}
	var found []string
	for name := range fields {
		if !slices.Contains(known, name) {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}
