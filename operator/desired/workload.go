package desired

import (
	"cmp"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

const (
	// metricsPort serves probes and metrics of every program.
	metricsPort = 8080
	// eventsPort takes Slack's signed HTTP events.
	eventsPort = 3000
	// grpcPort serves the scorer's gRPC.
	grpcPort = 9090

	// drainTimeout is what a program has to finish the work in hand; the kubelet waits 5 s longer.
	drainTimeout = 25 * time.Second

	// user is the user that containers run as unless Options.ImageUser: that of the usual non-root base images.
	user = 65532
)

// listen is the address of a port on all interfaces.
func listen(port int) string { return ":" + strconv.Itoa(port) }

// workload is one program of a pipeline, of which Render makes a Deployment and perhaps a Service.
type workload struct {
	pipeline  *v1alpha1.FeedbackPipeline
	program   string // and image
	alias     string // what its pods are called where that is not the program
	name      string // of the objects
	component string // source, scorer, shadow or notifier
	source    string // the source's name, if component is source
	env       environment
	replicas  *int32 // nil leaves them to whoever owns the field
	least     int32  // of replicas that are an autoscaler's; 0 where they are not
	suspended bool
	strategy  appsv1.DeploymentStrategy
	ports     []corev1.ContainerPort // beside metrics
	requests  corev1.ResourceList
	limit     string // of memory; "" is 256Mi
}

// selector are the labels that tell w's pods from all others. They never change: a Deployment's selector is immutable.
func (w workload) selector() map[string]string {
	labels := map[string]string{labelName: cmp.Or(w.alias, w.program), LabelInstance: w.pipeline.Name}
	if w.source != "" {
		labels[LabelSource] = w.source
	}
	return labels
}

func (w workload) labels() map[string]string {
	labels := pipelineLabels(w.pipeline)
	for key, value := range w.selector() {
		labels[key] = value
	}
	labels[labelComponent] = w.component
	return labels
}

func pipelineLabels(p *v1alpha1.FeedbackPipeline) map[string]string {
	return map[string]string{
		LabelInstance:  p.Name,
		LabelPartOf:    "feedback-pipeline",
		labelManagedBy: "feedback-pipeline-operator",
	}
}

func (w workload) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: w.name, Namespace: w.pipeline.Namespace, Labels: w.labels()}
}

func (w workload) deployment(o Options) *appsv1.Deployment {
	replicas := w.replicas
	if w.suspended || w.pipeline.Spec.Suspend {
		replicas = new(int32(0))
	}
	meta := w.meta()
	if replicas == nil && w.least > 0 {
		meta.Annotations = map[string]string{AnnotationAutoscaled: strconv.Itoa(int(w.least))}
	}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas:             replicas,
			Strategy:             w.strategy,
			RevisionHistoryLimit: new(int32(3)),
			Selector:             &metav1.LabelSelector{MatchLabels: w.selector()},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: w.podLabels(), Annotations: plain(w.pipeline.Spec.PodTemplate.Annotations)},
				Spec:       w.pod(o),
			},
		},
	}
}

// pod meets the restricted Pod Security Standard.
func (w workload) pod(o Options) corev1.PodSpec {
	security := &corev1.PodSecurityContext{
		RunAsNonRoot:   new(true),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if !o.ImageUser {
		security.RunAsUser, security.RunAsGroup = new(int64(user)), new(int64(user))
	}
	template := w.pipeline.Spec.PodTemplate
	return corev1.PodSpec{
		NodeSelector:                  plain(template.NodeSelector),
		Tolerations:                   template.Tolerations,
		Affinity:                      template.Affinity,
		ImagePullSecrets:              w.pullSecrets(),
		PriorityClassName:             template.PriorityClassName,
		Volumes:                       w.volumes(),
		AutomountServiceAccountToken:  new(false),
		EnableServiceLinks:            new(false),
		TerminationGracePeriodSeconds: new(int64((drainTimeout + 5*time.Second).Seconds())),
		SecurityContext:               security,
		TopologySpreadConstraints:     w.spread(),
		Containers:                    []corev1.Container{w.container(o)},
	}
}

// spread keeps replicas on different nodes where it can.
func (w workload) spread() []corev1.TopologySpreadConstraint {
	if !several(w.pipeline, w.component, w.replicas) {
		return nil
	}
	return []corev1.TopologySpreadConstraint{{
		MaxSkew:           1,
		TopologyKey:       corev1.LabelHostname,
		WhenUnsatisfiable: corev1.ScheduleAnyway,
		LabelSelector:     &metav1.LabelSelector{MatchLabels: w.selector()},
	}}
}

func (w workload) container(o Options) corev1.Container {
	return corev1.Container{
		Name:                     w.program,
		Image:                    o.image(w.program),
		ImagePullPolicy:          o.ImagePullPolicy,
		Command:                  []string{commandFolder + w.program},
		Env:                      w.variables(),
		VolumeMounts:             w.mounts(),
		Ports:                    append([]corev1.ContainerPort{{Name: "metrics", ContainerPort: metricsPort}}, w.ports...),
		LivenessProbe:            probe("/healthz", 10, 3),
		ReadinessProbe:           probe("/readyz", 5, 2),
		Resources:                w.resources(),
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

func probe(path string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:     corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(metricsPort)}},
		PeriodSeconds:    period,
		FailureThreshold: failures,
		TimeoutSeconds:   3,
	}
}

func requests(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

// service makes w's pods reachable by w's name.
func (w workload) service(ports ...corev1.ServicePort) *corev1.Service {
	for i := range ports {
		ports[i].TargetPort = intstr.FromString(ports[i].Name)
		ports[i].Protocol = corev1.ProtocolTCP
	}
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: w.meta(),
		Spec:       corev1.ServiceSpec{Selector: w.selector(), Ports: ports},
	}
}

// metricsService lets a Prometheus find all pods of p, ready or not.
func metricsService(p *v1alpha1.FeedbackPipeline) client.Object {
	labels := pipelineLabels(p)
	selector := map[string]string{LabelInstance: p.Name, LabelPartOf: labels[LabelPartOf]}
	labels[labelComponent] = "metrics"
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: ComponentName(p.Name, "metrics"), Namespace: p.Namespace, Labels: labels},
		Spec: corev1.ServiceSpec{
			ClusterIP:                corev1.ClusterIPNone,
			PublishNotReadyAddresses: true,
			Selector:                 selector,
			Ports: []corev1.ServicePort{{
				Name: "metrics", Port: metricsPort, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("metrics"),
			}},
		},
	}
}
