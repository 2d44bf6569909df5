{{- define "bongsu.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Names of pods end in the number of the shard, so there is room for it. */}}
{{- define "bongsu.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "bongsu.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "bongsu.selector" -}}
app.kubernetes.io/name: {{ include "bongsu.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "bongsu.labels" -}}
{{ include "bongsu.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "bongsu.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "bongsu.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "bongsu.secretName" -}}
{{- if .Values.secret.create -}}
{{- include "bongsu.fullname" . -}}
{{- else -}}
{{- .Values.secret.existingName -}}
{{- end -}}
{{- end -}}

{{/* The user's configuration with what the chart decides. */}}
{{- define "bongsu.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "state" (merge (dict "directory" "/var/lib/bongsu") (default dict $config.state)) -}}
{{- $listen := printf "0.0.0.0:%v" .Values.service.port -}}
{{- if eq .Values.mode "service" -}}
{{- $_ := set $config "server" (merge (dict "listen" $listen) (default dict $config.server)) -}}
{{- end -}}
{{- if and (eq .Values.mode "service") (gt (int .Values.shards) 1) -}}
{{- $_ := set $config "shard" (dict "count" (int .Values.shards) "index" "${HOSTNAME}" "replicas" (int .Values.replicas)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "bongsu.volumes" -}}
- name: config
  configMap: {name: {{ include "bongsu.fullname" . }}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "bongsu.pod" -}}
serviceAccountName: {{ include "bongsu.serviceAccountName" . }}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
containers:
  - name: bongsu
    image: "{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}"
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args:
      - run
      - --config=/etc/bongsu/bongsu.yaml
      - --log-format={{ .Values.logFormat }}
      {{- with .Values.profile }}
      - --profile={{ . }}
      {{- end }}
      {{- if eq .Values.mode "cronjob" }}
      - --once
      {{- end }}
      {{- range .Values.extraArgs }}
      - {{ . | quote }}
      {{- end }}
    {{- if eq .Values.mode "service" }}
    ports:
      - {name: http, containerPort: {{ .Values.service.port }}, protocol: TCP}
    {{- $scheme := ternary "HTTPS" "HTTP" (hasKey (default dict .Values.config.server) "tls") }}
    {{- $mutual := hasKey (default dict (default dict .Values.config.server).tls) "client_ca" }}
    {{- if $mutual }}
    # With client certificates the kubelet cannot ask over HTTPS; that the port answers has to do.
    livenessProbe:
      tcpSocket: {port: http}
      periodSeconds: 30
      failureThreshold: 4
    readinessProbe:
      tcpSocket: {port: http}
    {{- else }}
    # Healthy means that the loop moves; a source that is away is no reason for a restart.
    startupProbe:
      httpGet: {path: /-/healthy, port: http, scheme: {{ $scheme }}}
      periodSeconds: 5
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /-/healthy, port: http, scheme: {{ $scheme }}}
      periodSeconds: 30
      timeoutSeconds: 5
      failureThreshold: 4
    readinessProbe:
      httpGet: {path: /-/ready, port: http, scheme: {{ $scheme }}}
      periodSeconds: 10
      timeoutSeconds: 5
    {{- end }}
    {{- end }}
    {{- with include "bongsu.secretName" . }}
    envFrom:
      - secretRef: {name: {{ . }}}
    {{- end }}
    env:
      - name: HOSTNAME
        valueFrom: {fieldRef: {fieldPath: metadata.name}}
      {{- with .Values.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    resources: {{- toYaml .Values.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: config, mountPath: /etc/bongsu, readOnly: true}
      - {name: state, mountPath: /var/lib/bongsu}
      - {name: tmp, mountPath: /tmp}
      {{- with .Values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
