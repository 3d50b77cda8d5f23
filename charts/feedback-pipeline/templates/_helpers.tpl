{{/* The chart's name in labels. */}}
{{- define "fp.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What the names of the chart's objects begin with; 40 characters leave room for what follows. */}}
{{- define "fp.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "fp.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "fp.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of every object; {root, component}. They are not those of a pipeline's objects. */}}
{{- define "fp.labels" -}}
{{- include "fp.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels by which a part's pods are found; {root, component}. */}}
{{- define "fp.selector" -}}
app.kubernetes.io/name: {{ include "fp.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "fp.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "fp.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* An image's reference; {root, image: its key}. */}}
{{- define "fp.image" -}}
{{- $image := get .root.Values.images .image -}}
{{- $registry := default .root.Values.image.registry $image.registry | trimSuffix "/" -}}
{{- if $registry }}{{ $registry }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}
{{- else }}:{{ coalesce $image.tag .root.Values.image.tag .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What the restricted Pod Security Standard asks of a pod; OpenShift assigns the user. */}}
{{- define "fp.podSecurity" -}}
runAsNonRoot: true
{{- if not .Values.operator.imageUser }}
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "fp.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Labels of a part's pods; {root, component}. Nothing that changes with each version: that would restart them. */}}
{{- define "fp.podLabels" -}}
{{- include "fp.selector" . }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The Secret that holds the hash key. */}}
{{- define "fp.hashKeySecret" -}}
{{- default (printf "%s-hash-key" (include "fp.fullname" .)) .Values.operator.hashKeySecret -}}
{{- end -}}

{{/* The rules of config/rbac; {root, list: pipelines, leader or metrics}. */}}
{{- define "fp.rules" -}}
{{- $rules := .root.Files.Get "files/rbac.yaml" | fromYaml -}}
rules:
{{- range get $rules .list }}
- {{ toJson . }}
{{- end }}
{{- end -}}

{{/* The address of devKafka, as clients in any namespace reach it. */}}
{{- define "fp.devKafka" -}}
{{- printf "%s-kafka.%s.svc:9092" (include "fp.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "fp.simulator" -}}
{{- printf "http://%s-simulator.%s.svc:8090" (include "fp.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* The Service of a pipeline's source, named as the operator names it; {pipeline, source}. */}}
{{- define "fp.sourceService" -}}
{{- $name := regexReplaceAll "-+$" (printf "%s-%s" .pipeline .source | trunc 54) "" -}}
{{- printf "%s-%s" $name (printf "%s/source/%s" .pipeline .source | sha256sum | trunc 8) -}}
{{- end -}}

{{/* What goes together and what does not. */}}
{{- define "fp.validate" -}}
{{- if not .Values.rbac.clusterRoles -}}
{{- if not .Values.watchNamespaces -}}
{{- fail "rbac.clusterRoles=false: a Role-only install runs pipelines in namespaces that you name; set watchNamespaces, for example {feedback}" -}}
{{- end -}}
{{- if eq .Values.metrics.mode "Authenticated" -}}
{{- fail "rbac.clusterRoles=false: metrics behind authentication need a ClusterRole; set metrics.mode to Insecure or Off" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.demo.enabled (not .Values.simulator.enabled) -}}
{{- fail "demo.enabled: the demo reads from the simulator; set simulator.enabled=true, or apply a FeedbackPipeline of your own" -}}
{{- end -}}
{{- if and .Values.demo.enabled (not .Values.devKafka.enabled) (not .Values.demo.bootstrapServers) -}}
{{- fail "demo.enabled: the demo needs a Kafka; set devKafka.enabled=true or demo.bootstrapServers" -}}
{{- end -}}
{{- if and .Values.demo.enabled .Values.watchNamespaces (not (has .Release.Namespace .Values.watchNamespaces)) -}}
{{- fail (printf "demo.enabled: the demo is made in the release's namespace %s; add it to watchNamespaces" .Release.Namespace) -}}
{{- end -}}
{{- end -}}
