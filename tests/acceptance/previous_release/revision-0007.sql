--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: dbos; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA dbos;


--
-- Name: enqueue_workflow(text, text, json[], json, text, text, text, text, bigint, bigint, text, integer, text, text, text, bigint, text); Type: FUNCTION; Schema: dbos; Owner: -
--

CREATE FUNCTION dbos.enqueue_workflow(workflow_name text, queue_name text, positional_args json[] DEFAULT ARRAY[]::json[], named_args json DEFAULT '{}'::json, class_name text DEFAULT NULL::text, config_name text DEFAULT NULL::text, workflow_id text DEFAULT NULL::text, app_version text DEFAULT NULL::text, timeout_ms bigint DEFAULT NULL::bigint, deadline_epoch_ms bigint DEFAULT NULL::bigint, deduplication_id text DEFAULT NULL::text, priority integer DEFAULT NULL::integer, queue_partition_key text DEFAULT NULL::text, authenticated_user text DEFAULT NULL::text, authenticated_roles text DEFAULT NULL::text, delay_until_epoch_ms bigint DEFAULT NULL::bigint, application_name text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_workflow_id TEXT;
    v_serialized_inputs TEXT;
    v_owner_xid TEXT;
    v_now BIGINT;
    v_recovery_attempts INT4 := 0;
    v_priority INT4;
    v_status TEXT;
BEGIN

    -- Validate required parameters
    IF workflow_name IS NULL OR workflow_name = '' THEN
        RAISE EXCEPTION 'Workflow name cannot be null or empty';
    END IF;
    IF queue_name IS NULL OR queue_name = '' THEN
        RAISE EXCEPTION 'Queue name cannot be null or empty';
    END IF;
    IF named_args IS NOT NULL AND jsonb_typeof(named_args::jsonb) != 'object' THEN
        RAISE EXCEPTION 'Named args must be a JSON object';
    END IF;
    IF workflow_id IS NOT NULL AND workflow_id = '' THEN
        RAISE EXCEPTION 'Workflow ID cannot be an empty string if provided.';
    END IF;
    IF delay_until_epoch_ms IS NOT NULL AND delay_until_epoch_ms < 0 THEN
        RAISE EXCEPTION 'delay_until_epoch_ms must be >= 0';
    END IF;

    v_workflow_id := COALESCE(workflow_id, gen_random_uuid()::TEXT);
    v_owner_xid := gen_random_uuid()::TEXT;
    v_priority := COALESCE(priority, 0);
    v_serialized_inputs := json_build_object(
        'positionalArgs', positional_args,
        'namedArgs', named_args
    )::TEXT;
    v_now := EXTRACT(epoch FROM now()) * 1000;
    v_status := CASE WHEN delay_until_epoch_ms IS NULL THEN 'ENQUEUED' ELSE 'DELAYED' END;

    INSERT INTO "dbos".workflow_status (
        workflow_uuid, status,
        name, class_name, config_name,
        queue_name, deduplication_id, priority, queue_partition_key,
        application_version,
        created_at, updated_at, recovery_attempts,
        workflow_timeout_ms, workflow_deadline_epoch_ms,
        parent_workflow_id, owner_xid, serialization,
        authenticated_user, authenticated_roles,
        delay_until_epoch_ms, application_name
    ) VALUES (
        v_workflow_id, v_status,
        workflow_name, class_name, config_name,
        queue_name, deduplication_id, v_priority, queue_partition_key,
        app_version,
        v_now, v_now, v_recovery_attempts,
        timeout_ms, deadline_epoch_ms,
        NULL, v_owner_xid, 'portable_json',
        authenticated_user, authenticated_roles,
        delay_until_epoch_ms, application_name
    )
    ON CONFLICT (workflow_uuid)
    DO UPDATE SET
        updated_at = EXCLUDED.updated_at;

    INSERT INTO "dbos".workflow_input (
        workflow_uuid, inputs, retention_timestamp
    ) VALUES (
        v_workflow_id, v_serialized_inputs, v_now
    )
    ON CONFLICT (workflow_uuid) DO NOTHING;

    RETURN v_workflow_id;

EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'DBOS queue duplicated'
            USING DETAIL = format('Workflow %s with queue %s and deduplication ID %s already exists', v_workflow_id, queue_name, deduplication_id),
                ERRCODE = 'unique_violation';
END;
$$;


--
-- Name: notifications_function(); Type: FUNCTION; Schema: dbos; Owner: -
--

CREATE FUNCTION dbos.notifications_function() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    payload text := NEW.destination_uuid || '::' || NEW.topic;
BEGIN
    PERFORM pg_notify('dbos_notifications_channel', payload);
    RETURN NEW;
END;
$$;


--
-- Name: send_message(text, json, text, text); Type: FUNCTION; Schema: dbos; Owner: -
--

CREATE FUNCTION dbos.send_message(destination_id text, message json, topic text DEFAULT NULL::text, message_id text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_topic TEXT := COALESCE(topic, '__null__topic__');
    v_message_id TEXT := COALESCE(message_id, gen_random_uuid()::TEXT);
BEGIN
    INSERT INTO "dbos".notifications (
        destination_uuid, topic, message, message_uuid, serialization
    ) VALUES (
        destination_id, v_topic, message, v_message_id, 'portable_json'
    )
    ON CONFLICT (message_uuid) DO NOTHING;
EXCEPTION
    WHEN foreign_key_violation THEN
        RAISE EXCEPTION 'DBOS non-existent workflow'
            USING DETAIL = format('Destination workflow %s does not exist', destination_id),
                ERRCODE = 'foreign_key_violation';
END;
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: application_versions; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.application_versions (
    version_id text NOT NULL,
    version_name text NOT NULL,
    version_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_name text
);


--
-- Name: dbos_migrations; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.dbos_migrations (
    version bigint NOT NULL
);


--
-- Name: event_dispatch_kv; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.event_dispatch_kv (
    service_name text NOT NULL,
    workflow_fn_name text NOT NULL,
    key text NOT NULL,
    value text,
    update_seq numeric(38,0),
    update_time numeric(38,15)
);


--
-- Name: notifications; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.notifications (
    message_uuid text DEFAULT gen_random_uuid() NOT NULL,
    destination_uuid text NOT NULL,
    topic text,
    message text NOT NULL,
    created_at_epoch_ms bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    serialization text,
    consumed boolean DEFAULT false NOT NULL,
    consumed_by_function_id integer
);


--
-- Name: operation_outputs; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.operation_outputs (
    workflow_uuid text NOT NULL,
    function_id integer NOT NULL,
    function_name text DEFAULT ''::text NOT NULL,
    output text,
    error text,
    child_workflow_id text,
    started_at_epoch_ms bigint,
    completed_at_epoch_ms bigint,
    serialization text,
    application_name text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);


--
-- Name: queues; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.queues (
    queue_id text DEFAULT (gen_random_uuid())::text NOT NULL,
    name text NOT NULL,
    concurrency integer,
    worker_concurrency integer,
    rate_limit_max integer,
    rate_limit_period_sec double precision,
    priority_enabled boolean DEFAULT false NOT NULL,
    partition_queue boolean DEFAULT false NOT NULL,
    polling_interval_sec double precision DEFAULT 1.0 NOT NULL,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    updated_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_name text,
    partition_concurrency integer,
    partition_worker_concurrency integer,
    partition_rate_limit_max integer,
    partition_rate_limit_period_sec double precision
);


--
-- Name: streams; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.streams (
    workflow_uuid text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    "offset" integer NOT NULL,
    function_id integer DEFAULT 0 NOT NULL,
    serialization text
);


--
-- Name: workflow_events; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_events (
    workflow_uuid text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    serialization text
);


--
-- Name: workflow_events_history; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_events_history (
    workflow_uuid text NOT NULL,
    function_id integer NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    serialization text
);


--
-- Name: workflow_input; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_input (
    workflow_uuid text NOT NULL,
    inputs text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);


--
-- Name: workflow_output; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_output (
    workflow_uuid text NOT NULL,
    output text,
    error text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);


--
-- Name: workflow_schedules; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_schedules (
    schedule_id text NOT NULL,
    schedule_name text NOT NULL,
    workflow_name text NOT NULL,
    workflow_class_name text,
    schedule text NOT NULL,
    status text DEFAULT 'ACTIVE'::text NOT NULL,
    context text NOT NULL,
    last_fired_at text,
    automatic_backfill boolean DEFAULT false NOT NULL,
    cron_timezone text,
    queue_name text,
    application_name text
);


--
-- Name: workflow_status; Type: TABLE; Schema: dbos; Owner: -
--

CREATE TABLE dbos.workflow_status (
    workflow_uuid text NOT NULL,
    status text,
    name text,
    authenticated_user text,
    assumed_role text,
    authenticated_roles text,
    request text,
    output text,
    error text,
    executor_id text,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    updated_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_version text,
    application_id text,
    class_name character varying(255) DEFAULT NULL::character varying,
    config_name character varying(255) DEFAULT NULL::character varying,
    recovery_attempts bigint DEFAULT 0,
    queue_name text,
    workflow_timeout_ms bigint,
    workflow_deadline_epoch_ms bigint,
    inputs text,
    started_at_epoch_ms bigint,
    deduplication_id text,
    priority integer DEFAULT 0 NOT NULL,
    queue_partition_key text,
    forked_from text,
    owner_xid text,
    parent_workflow_id text,
    serialization text,
    delay_until_epoch_ms bigint,
    was_forked_from boolean DEFAULT false NOT NULL,
    rate_limited boolean DEFAULT false NOT NULL,
    completed_at bigint,
    attributes jsonb,
    schedule_name text,
    debounce_deadline_epoch_ms bigint,
    is_debounced boolean DEFAULT false NOT NULL,
    application_name text,
    creator_xid text
);


--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: alert; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alert (
    work_item_id character varying(64) NOT NULL,
    stay_id character varying(64) NOT NULL,
    model character varying(64) NOT NULL,
    ward character varying(64) NOT NULL,
    at timestamp without time zone NOT NULL,
    probability double precision NOT NULL,
    policy character varying(48) NOT NULL,
    policy_version character varying(16) NOT NULL,
    policy_digest character varying(12) NOT NULL,
    verdict character varying(16) NOT NULL,
    reason json NOT NULL,
    is_alert boolean NOT NULL,
    notified_at timestamp without time zone
);


--
-- Name: audit; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit (
    sequence integer NOT NULL,
    at timestamp without time zone NOT NULL,
    action character varying(48) NOT NULL,
    subject character varying(64) NOT NULL,
    detail json NOT NULL,
    previous_hash character varying(64) NOT NULL,
    hash character varying(64) NOT NULL
);


--
-- Name: audit_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.audit_sequence_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: audit_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.audit_sequence_seq OWNED BY public.audit.sequence;


--
-- Name: cds_token; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.cds_token (
    issuer character varying(256) NOT NULL,
    jti character varying(256) NOT NULL,
    expires_at timestamp without time zone NOT NULL
);


--
-- Name: commitment; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.commitment (
    transaction_uid character varying(64) NOT NULL,
    delivery_id character varying(64) NOT NULL,
    state character varying(16) NOT NULL,
    asked_at timestamp without time zone NOT NULL,
    answer_by timestamp without time zone NOT NULL,
    answered_at timestamp without time zone
);


--
-- Name: delivery; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.delivery (
    id character varying(64) NOT NULL,
    work_item_id character varying(64) NOT NULL,
    destination character varying(32) NOT NULL,
    objects json NOT NULL,
    state character varying(16) NOT NULL,
    attempts integer NOT NULL,
    not_before timestamp without time zone NOT NULL,
    priority integer NOT NULL,
    node character varying(32) NOT NULL,
    reason text NOT NULL,
    created_at timestamp without time zone NOT NULL,
    accepted_at timestamp without time zone,
    purpose character varying(16) DEFAULT 'result'::character varying NOT NULL,
    commit_at timestamp without time zone,
    denials integer DEFAULT 0 NOT NULL
);


--
-- Name: delivery_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.delivery_history (
    id integer NOT NULL,
    delivery_id character varying(64) NOT NULL,
    at timestamp without time zone NOT NULL,
    state character varying(16) NOT NULL,
    failure character varying(16) NOT NULL,
    detail text NOT NULL
);


--
-- Name: delivery_history_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.delivery_history_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: delivery_history_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.delivery_history_id_seq OWNED BY public.delivery_history.id;


--
-- Name: delivery_object; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.delivery_object (
    delivery_id character varying(64) NOT NULL,
    sop_instance_uid character varying(64) NOT NULL,
    "position" integer NOT NULL,
    state character varying(16) NOT NULL,
    reason text NOT NULL,
    accepted_at timestamp without time zone,
    committed_at timestamp without time zone
);


--
-- Name: event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.event (
    id integer NOT NULL,
    stay_id character varying(64) NOT NULL,
    source character varying(128) NOT NULL,
    kind character varying(16) NOT NULL,
    code character varying(64) NOT NULL,
    event_time timestamp without time zone NOT NULL,
    known_time timestamp without time zone NOT NULL,
    value double precision,
    unit character varying(32) NOT NULL,
    text character varying(128) NOT NULL,
    end_time timestamp without time zone,
    current boolean NOT NULL,
    told_at timestamp without time zone,
    retired_time timestamp without time zone
);


--
-- Name: event_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.event_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: event_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.event_id_seq OWNED BY public.event.id;


--
-- Name: expectation; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.expectation (
    id character varying(64) NOT NULL,
    source character varying(8) NOT NULL,
    study_uid character varying(64) NOT NULL,
    state character varying(16) NOT NULL,
    sender character varying(16) NOT NULL,
    noted_at timestamp without time zone NOT NULL,
    spent boolean NOT NULL
);


--
-- Name: expected_instance; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.expected_instance (
    expectation_id character varying(64) NOT NULL,
    sop_instance_uid character varying(64) NOT NULL
);


--
-- Name: feed_message; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.feed_message (
    id integer NOT NULL,
    received_at timestamp without time zone NOT NULL,
    control_id character varying(64) NOT NULL,
    kind character varying(16) NOT NULL,
    state character varying(16) NOT NULL,
    reason_code character varying(48) NOT NULL,
    reason text NOT NULL,
    body bytea NOT NULL,
    replayed_at timestamp without time zone
);


--
-- Name: feed_message_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.feed_message_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: feed_message_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.feed_message_id_seq OWNED BY public.feed_message.id;


--
-- Name: feedback; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.feedback (
    id integer NOT NULL,
    at timestamp without time zone NOT NULL,
    card character varying(64) NOT NULL,
    outcome character varying(16) NOT NULL,
    detail json NOT NULL
);


--
-- Name: feedback_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.feedback_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: feedback_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.feedback_id_seq OWNED BY public.feedback.id;


--
-- Name: finding; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.finding (
    work_item_id character varying(64) NOT NULL,
    tracking_uid character varying(64) NOT NULL,
    key character varying(64) NOT NULL,
    label character varying(64) NOT NULL,
    text character varying(256) NOT NULL,
    probability double precision NOT NULL,
    threshold double precision NOT NULL,
    region json,
    measurements json NOT NULL
);


--
-- Name: instance; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.instance (
    id integer NOT NULL,
    study_uid character varying(64) NOT NULL,
    sop_instance_uid character varying(64) NOT NULL,
    sha256 character varying(64) NOT NULL,
    path text NOT NULL,
    size_bytes integer NOT NULL,
    source_ae character varying(16) NOT NULL,
    received_at timestamp without time zone NOT NULL,
    header text NOT NULL,
    current boolean NOT NULL
);


--
-- Name: instance_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.instance_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: instance_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.instance_id_seq OWNED BY public.instance.id;


--
-- Name: node_lease; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.node_lease (
    node character varying(32) NOT NULL,
    epoch integer NOT NULL,
    beat integer NOT NULL
);


--
-- Name: patient; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.patient (
    patient_id character varying(64) NOT NULL,
    birth_date date,
    sex character varying(16) NOT NULL,
    died_at timestamp without time zone,
    merged_into character varying(64) NOT NULL
);


--
-- Name: priority_hint; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.priority_hint (
    id character varying(64) NOT NULL,
    source character varying(8) NOT NULL,
    study_uid character varying(64) NOT NULL,
    accession_number character varying(64) NOT NULL,
    patient_id character varying(128) NOT NULL,
    priority integer NOT NULL,
    reason character varying(128) NOT NULL,
    noted_at timestamp without time zone NOT NULL,
    expires_at timestamp without time zone NOT NULL
);


--
-- Name: refusal; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.refusal (
    id integer NOT NULL,
    at timestamp without time zone NOT NULL,
    door character varying(16) NOT NULL,
    reason_code character varying(48) NOT NULL,
    reason text NOT NULL,
    source character varying(128) NOT NULL,
    path text NOT NULL,
    case_id character varying(64) NOT NULL
);


--
-- Name: refusal_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.refusal_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: refusal_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.refusal_id_seq OWNED BY public.refusal.id;


--
-- Name: result_object; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.result_object (
    sop_instance_uid character varying(64) NOT NULL,
    work_item_id character varying(64) NOT NULL,
    kind character varying(8) NOT NULL,
    sop_class_uid character varying(64) NOT NULL,
    series_instance_uid character varying(64) NOT NULL,
    path text NOT NULL,
    sha256 character varying(64) NOT NULL,
    created_at timestamp without time zone NOT NULL
);


--
-- Name: review; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.review (
    id integer NOT NULL,
    at timestamp without time zone NOT NULL,
    subject character varying(8) NOT NULL,
    subject_id character varying(64) NOT NULL,
    stay_id character varying(64) NOT NULL,
    model character varying(64) NOT NULL,
    kind character varying(16) NOT NULL,
    reason_code character varying(64) NOT NULL,
    comment text NOT NULL,
    reviewer character varying(128) NOT NULL,
    door character varying(8) NOT NULL,
    until timestamp without time zone
);


--
-- Name: review_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.review_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: review_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.review_id_seq OWNED BY public.review.id;


--
-- Name: risk; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.risk (
    work_item_id character varying(64) NOT NULL,
    stay_id character varying(64) NOT NULL,
    patient_id character varying(128) NOT NULL,
    as_of timestamp without time zone NOT NULL,
    probability double precision NOT NULL,
    threshold double precision NOT NULL,
    baseline double precision NOT NULL,
    horizon_hours double precision NOT NULL,
    reasons json NOT NULL
);


--
-- Name: stay; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stay (
    stay_id character varying(64) NOT NULL,
    patient_id character varying(128) NOT NULL,
    patient_name character varying(256) NOT NULL,
    ward character varying(64) NOT NULL,
    generation integer NOT NULL,
    known_until timestamp without time zone NOT NULL,
    due_at timestamp without time zone,
    status character varying(16) DEFAULT 'open'::character varying NOT NULL
);


--
-- Name: study; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.study (
    study_uid character varying(64) NOT NULL,
    patient_id character varying(128) NOT NULL,
    patient_name character varying(256) NOT NULL,
    accession_number character varying(64) NOT NULL,
    study_date character varying(16) NOT NULL,
    description character varying(256) NOT NULL,
    modalities character varying(64) NOT NULL,
    source_ae character varying(16) NOT NULL,
    generation integer NOT NULL,
    first_arrival_at timestamp without time zone NOT NULL,
    last_arrival_at timestamp without time zone NOT NULL,
    due_at timestamp without time zone
);


--
-- Name: surveillance_case; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.surveillance_case (
    id character varying(32) NOT NULL,
    definition character varying(64) NOT NULL,
    edition character varying(16) NOT NULL,
    outcome character varying(32) NOT NULL,
    patient_id character varying(128) NOT NULL,
    stay_id character varying(64) NOT NULL,
    source character varying(128) NOT NULL,
    sampled_at timestamp without time zone NOT NULL,
    known_at timestamp without time zone NOT NULL,
    unit character varying(64) NOT NULL,
    since timestamp without time zone,
    explanation json NOT NULL,
    first_found_at timestamp without time zone NOT NULL,
    withdrawn_at timestamp without time zone
);


--
-- Name: surveillance_cluster; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.surveillance_cluster (
    id integer NOT NULL,
    definition character varying(64) NOT NULL,
    edition character varying(16) NOT NULL,
    unit character varying(64) NOT NULL,
    first_day character varying(10) NOT NULL,
    last_day character varying(10) NOT NULL,
    case_ids json NOT NULL,
    expected double precision NOT NULL,
    p double precision NOT NULL
);


--
-- Name: surveillance_cluster_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.surveillance_cluster_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: surveillance_cluster_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.surveillance_cluster_id_seq OWNED BY public.surveillance_cluster.id;


--
-- Name: surveillance_exposure; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.surveillance_exposure (
    definition character varying(64) NOT NULL,
    edition character varying(16) NOT NULL,
    unit character varying(64) NOT NULL,
    day character varying(10) NOT NULL,
    amount double precision NOT NULL
);


--
-- Name: surveillance_run; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.surveillance_run (
    id integer NOT NULL,
    at timestamp without time zone NOT NULL,
    seconds double precision NOT NULL,
    patients integer NOT NULL,
    cases integer NOT NULL
);


--
-- Name: surveillance_run_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.surveillance_run_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: surveillance_run_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.surveillance_run_id_seq OWNED BY public.surveillance_run.id;


--
-- Name: ups_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ups_event (
    id integer NOT NULL,
    ae_title character varying(16) NOT NULL,
    at timestamp without time zone NOT NULL,
    report json NOT NULL
);


--
-- Name: ups_event_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.ups_event_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: ups_event_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.ups_event_id_seq OWNED BY public.ups_event.id;


--
-- Name: ups_performed; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ups_performed (
    uid character varying(64) NOT NULL,
    manager character varying(8) NOT NULL,
    transaction_uid character varying(64) NOT NULL,
    study_uid character varying(64) NOT NULL,
    rule character varying(48) NOT NULL,
    priority integer NOT NULL,
    archive character varying(32) NOT NULL,
    work_item_id character varying(64) NOT NULL,
    asked_alone boolean NOT NULL,
    state character varying(16) NOT NULL,
    reason text NOT NULL,
    claimed_at timestamp without time zone NOT NULL,
    deadline_at timestamp without time zone NOT NULL
);


--
-- Name: ups_subscription; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ups_subscription (
    ae_title character varying(16) NOT NULL,
    uid character varying(64) NOT NULL
);


--
-- Name: ups_workitem; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ups_workitem (
    uid character varying(64) NOT NULL,
    state character varying(16) NOT NULL,
    transaction_uid character varying(64) NOT NULL,
    cancel_reason text,
    dataset json NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL
);


--
-- Name: withdrawal; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.withdrawal (
    source character varying(128) NOT NULL,
    told_at timestamp without time zone NOT NULL
);


--
-- Name: work_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.work_history (
    id integer NOT NULL,
    work_item_id character varying(64) NOT NULL,
    at timestamp without time zone NOT NULL,
    state character varying(16) NOT NULL,
    detail text NOT NULL
);


--
-- Name: work_history_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.work_history_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: work_history_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.work_history_id_seq OWNED BY public.work_history.id;


--
-- Name: work_item; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.work_item (
    id character varying(64) NOT NULL,
    kind character varying(16) NOT NULL,
    case_id character varying(64) NOT NULL,
    generation integer NOT NULL,
    rule character varying(48) NOT NULL,
    model character varying(64) NOT NULL,
    model_version character varying(32) NOT NULL,
    release_digest character varying(64) NOT NULL,
    priority integer NOT NULL,
    state character varying(16) NOT NULL,
    outcome character varying(16) NOT NULL,
    reason_code character varying(48) NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    not_before timestamp without time zone NOT NULL,
    node character varying(32) NOT NULL,
    created_at timestamp without time zone NOT NULL,
    input_at timestamp without time zone NOT NULL,
    finished_at timestamp without time zone,
    timings json NOT NULL,
    scores json NOT NULL
);


--
-- Name: audit sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit ALTER COLUMN sequence SET DEFAULT nextval('public.audit_sequence_seq'::regclass);


--
-- Name: delivery_history id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery_history ALTER COLUMN id SET DEFAULT nextval('public.delivery_history_id_seq'::regclass);


--
-- Name: event id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.event ALTER COLUMN id SET DEFAULT nextval('public.event_id_seq'::regclass);


--
-- Name: feed_message id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.feed_message ALTER COLUMN id SET DEFAULT nextval('public.feed_message_id_seq'::regclass);


--
-- Name: feedback id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.feedback ALTER COLUMN id SET DEFAULT nextval('public.feedback_id_seq'::regclass);


--
-- Name: instance id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.instance ALTER COLUMN id SET DEFAULT nextval('public.instance_id_seq'::regclass);


--
-- Name: refusal id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refusal ALTER COLUMN id SET DEFAULT nextval('public.refusal_id_seq'::regclass);


--
-- Name: review id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.review ALTER COLUMN id SET DEFAULT nextval('public.review_id_seq'::regclass);


--
-- Name: surveillance_cluster id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.surveillance_cluster ALTER COLUMN id SET DEFAULT nextval('public.surveillance_cluster_id_seq'::regclass);


--
-- Name: surveillance_run id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.surveillance_run ALTER COLUMN id SET DEFAULT nextval('public.surveillance_run_id_seq'::regclass);


--
-- Name: ups_event id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ups_event ALTER COLUMN id SET DEFAULT nextval('public.ups_event_id_seq'::regclass);


--
-- Name: work_history id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.work_history ALTER COLUMN id SET DEFAULT nextval('public.work_history_id_seq'::regclass);


--
-- Data for Name: application_versions; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.application_versions VALUES
	('7dbffae0-229c-45cf-a0a9-d4e2e809d8e7', '1', 1795386946265, 1795386946265, 'varsel');


--
-- Data for Name: dbos_migrations; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.dbos_migrations VALUES
	(125);


--
-- Data for Name: event_dispatch_kv; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: notifications; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: operation_outputs; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: queues; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: streams; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: workflow_events; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: workflow_events_history; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: workflow_input; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.workflow_input VALUES
	('analyse/2.25.316537714260475258838902464094757227177/1', '{"namedArgs":{},"positionalArgs":["2.25.316537714260475258838902464094757227177"]}', 1795386946384);


--
-- Data for Name: workflow_output; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: workflow_schedules; Type: TABLE DATA; Schema: dbos; Owner: -
--



--
-- Data for Name: workflow_status; Type: TABLE DATA; Schema: dbos; Owner: -
--

INSERT INTO dbos.workflow_status VALUES
	('analyse/2.25.316537714260475258838902464094757227177/1', 'PENDING', 'varsel.analyse', NULL, NULL, NULL, NULL, NULL, NULL, 'node-1', 1795386946384, 1795386946384, '1', '', NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, '95bb6a59-8b2e-4730-8c62-07efca76c797', NULL, 'portable_json', NULL, false, false, NULL, 'null', NULL, NULL, false, 'varsel', '95bb6a59-8b2e-4730-8c62-07efca76c797');


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES
	('0007');


--
-- Data for Name: alert; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit VALUES
	(1, '2026-11-22 22:35:45.422466', 'case_closed', '2.25.105651424958352367538729240375514806171', '{"generation": 1, "routes": ["chest"]}', '0000000000000000000000000000000000000000000000000000000000000000', 'e8edee171d06105f28659aa004eae88a30e2638e0e7740716d758a6b85620008'),
	(2, '2026-11-22 22:35:45.494577', 'case_closed', '2.25.269777712302835994751292146466173315444', '{"generation": 1, "routes": ["chest"]}', 'e8edee171d06105f28659aa004eae88a30e2638e0e7740716d758a6b85620008', '418085e8285956e3b0f254a1f3c6406aadd537641d4f557ac617c78c4b2c2a55'),
	(3, '2026-11-22 22:35:45.55054', 'case_closed', '2.25.32466865580275365499586169818520246312', '{"generation": 1, "routes": ["chest"]}', '418085e8285956e3b0f254a1f3c6406aadd537641d4f557ac617c78c4b2c2a55', 'fbbfdd773421d84f55586e60087a131b863402fff245d214189c38efdf61640c'),
	(4, '2026-11-22 22:35:45.597263', 'case_closed', '2.25.171219313319723757788969232636984888063', '{"generation": 1, "routes": ["chest"]}', 'fbbfdd773421d84f55586e60087a131b863402fff245d214189c38efdf61640c', '8ae90eca7c7eff5c8135bc36441e68c5018659795688530ebafd0034947d6fda'),
	(5, '2026-11-22 22:35:45.636775', 'case_closed', '2.25.281027353632859356517975549644993830398', '{"generation": 1, "routes": ["chest"]}', '8ae90eca7c7eff5c8135bc36441e68c5018659795688530ebafd0034947d6fda', 'e8f1f2a3c54c9139d49017b62465c3f30a6b619ee871d093517503b9f1b14de9'),
	(6, '2026-11-22 22:35:45.735968', 'delivered', '2.25.64655973360203345060193558914042710383', '{"work_item": "item-accepted", "destination": "pacs", "purpose": "result", "objects": ["2.25.10601606303081973025351998642426065626", "2.25.87650059045986181769071466148499866996"], "refused": [], "already_there": 0}', 'e8f1f2a3c54c9139d49017b62465c3f30a6b619ee871d093517503b9f1b14de9', '2331e0ec26460367097cbb93809b0b211d97ced4b500980c55d367f3e4bde405');


--
-- Data for Name: cds_token; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: commitment; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: delivery; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.delivery VALUES
	('2.25.64655973360203345060193558914042710383', 'item-accepted', 'pacs', '["2.25.10601606303081973025351998642426065626", "2.25.87650059045986181769071466148499866996"]', 'accepted', 1, '2026-11-22 22:35:45.767877', 2, 'node-1', '', '2026-11-22 22:35:45.665615', '2026-11-22 22:35:45.72365', 'result', NULL, 0),
	('2.25.200834506193820751349432888753328873159', 'item-begun', 'pacs', '["2.25.14841212330850370310956279609349091032", "2.25.89922033064116730920000918176214566496"]', 'intent', 1, '2026-11-22 22:35:45.81376', 2, 'node-3', '', '2026-11-22 22:35:45.81376', NULL, 'result', NULL, 0),
	('2.25.7036261034205802262346781991862855316', 'item-silent', 'pacs', '["2.25.82794144815634206900940997650013074787", "2.25.92177736820122336616925473248537937219"]', 'waiting', 1, '2026-11-22 22:35:45.833947', 2, 'node-1', 'It broke off after storing.', '2026-11-22 22:35:45.755789', NULL, 'result', NULL, 0),
	('2.25.142918042579352299309367686616447981763', 'item-fresh', 'pacs', '["2.25.128804430398419834401173267093882677480", "2.25.49233793393751243940863466128902465588"]', 'queued', 0, '2026-11-22 22:35:45.857425', 2, '', '', '2026-11-22 22:35:45.857425', NULL, 'result', NULL, 0);


--
-- Data for Name: delivery_history; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.delivery_history VALUES
	(1, '2.25.64655973360203345060193558914042710383', '2026-11-22 22:35:45.72365', 'accepted', '', ''),
	(2, '2.25.7036261034205802262346781991862855316', '2026-11-22 22:35:45.781297', 'waiting', 'transient', 'It broke off after storing.');


--
-- Data for Name: delivery_object; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.delivery_object VALUES
	('2.25.64655973360203345060193558914042710383', '2.25.10601606303081973025351998642426065626', 0, 'accepted', '', '2026-11-22 22:35:45.72365', NULL),
	('2.25.64655973360203345060193558914042710383', '2.25.87650059045986181769071466148499866996', 1, 'accepted', '', '2026-11-22 22:35:45.72365', NULL),
	('2.25.7036261034205802262346781991862855316', '2.25.82794144815634206900940997650013074787', 0, 'queued', '', NULL, NULL),
	('2.25.7036261034205802262346781991862855316', '2.25.92177736820122336616925473248537937219', 1, 'queued', '', NULL, NULL),
	('2.25.200834506193820751349432888753328873159', '2.25.14841212330850370310956279609349091032', 0, 'queued', '', NULL, NULL),
	('2.25.200834506193820751349432888753328873159', '2.25.89922033064116730920000918176214566496', 1, 'queued', '', NULL, NULL),
	('2.25.142918042579352299309367686616447981763', '2.25.128804430398419834401173267093882677480', 0, 'queued', '', NULL, NULL),
	('2.25.142918042579352299309367686616447981763', '2.25.49233793393751243940863466128902465588', 1, 'queued', '', NULL, NULL);


--
-- Data for Name: event; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: expectation; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: expected_instance; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: feed_message; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: feedback; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: finding; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: instance; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.instance VALUES
	(1, '2.25.105651424958352367538729240375514806171', '2.25.121523953880427994676852146969307710928', 'f8f656d70ce6469adf5f0d4bdd1b17ce56611e38fca949727eff70edacdadb89', '@SITE@/spool/running-1.dcm', 132004, 'MODALITY', '2026-11-22 22:35:45.335489', '{"study_instance_uid":"2.25.105651424958352367538729240375514806171","patient_id":"MARKED-4711","patient_name":"Mærket^Patientsen","patient_age_years":65.84392561106662,"accession_number":"ACC-1","study_date":"20260102","study_description":"Thorax","series_instance_uid":"2.25.319248848517758348931006234483239272296","modality":"CR","body_part":"CHEST","series_description":"running-1-cr","frame_of_reference_uid":"","instance":{"sop_instance_uid":"2.25.121523953880427994676852146969307710928","sop_class_uid":"1.2.840.10008.5.1.4.1.1.1","transfer_syntax_uid":"1.2.840.10008.1.2.1","path":"@SITE@/spool/running-1.dcm","instance_number":1,"rows":256,"columns":256,"number_of_frames":1,"image_type":["ORIGINAL","PRIMARY"],"photometric_interpretation":"MONOCHROME2","view_position":"PA","image_position":null,"image_orientation":null,"pixel_spacing_mm":[0.15,0.15],"spacing_basis":"detector","acquisition":{"temporal_position":0,"number":0,"trigger_time_ms":-1.0,"echo":0,"kernel":"","time":""},"is_lossy":false,"has_pixels":true}}', true),
	(2, '2.25.269777712302835994751292146466173315444', '2.25.37575590542349482495745869330197339292', 'e532c90da61b5b315f7cf96326e5e603701ce124bac1a3d0301540ca76ef6da8', '@SITE@/spool/running-2.dcm', 132004, 'MODALITY', '2026-11-22 22:35:45.445822', '{"study_instance_uid":"2.25.269777712302835994751292146466173315444","patient_id":"MARKED-4711","patient_name":"Mærket^Patientsen","patient_age_years":65.84392561106662,"accession_number":"ACC-1","study_date":"20260102","study_description":"Thorax","series_instance_uid":"2.25.107471810790654867104035849512110537620","modality":"CR","body_part":"CHEST","series_description":"running-2-cr","frame_of_reference_uid":"","instance":{"sop_instance_uid":"2.25.37575590542349482495745869330197339292","sop_class_uid":"1.2.840.10008.5.1.4.1.1.1","transfer_syntax_uid":"1.2.840.10008.1.2.1","path":"@SITE@/spool/running-2.dcm","instance_number":1,"rows":256,"columns":256,"number_of_frames":1,"image_type":["ORIGINAL","PRIMARY"],"photometric_interpretation":"MONOCHROME2","view_position":"PA","image_position":null,"image_orientation":null,"pixel_spacing_mm":[0.15,0.15],"spacing_basis":"detector","acquisition":{"temporal_position":0,"number":0,"trigger_time_ms":-1.0,"echo":0,"kernel":"","time":""},"is_lossy":false,"has_pixels":true}}', true),
	(3, '2.25.32466865580275365499586169818520246312', '2.25.273002528717181886875070733312516406634', 'ece0e634443f3a5f0549ea775ff97e4e3c73f6df51c4e9aeb175498377b23e35', '@SITE@/spool/running-3.dcm', 132004, 'MODALITY', '2026-11-22 22:35:45.509396', '{"study_instance_uid":"2.25.32466865580275365499586169818520246312","patient_id":"MARKED-4711","patient_name":"Mærket^Patientsen","patient_age_years":65.84392561106662,"accession_number":"ACC-1","study_date":"20260102","study_description":"Thorax","series_instance_uid":"2.25.237458831387444032298303051334424173396","modality":"CR","body_part":"CHEST","series_description":"running-3-cr","frame_of_reference_uid":"","instance":{"sop_instance_uid":"2.25.273002528717181886875070733312516406634","sop_class_uid":"1.2.840.10008.5.1.4.1.1.1","transfer_syntax_uid":"1.2.840.10008.1.2.1","path":"@SITE@/spool/running-3.dcm","instance_number":1,"rows":256,"columns":256,"number_of_frames":1,"image_type":["ORIGINAL","PRIMARY"],"photometric_interpretation":"MONOCHROME2","view_position":"PA","image_position":null,"image_orientation":null,"pixel_spacing_mm":[0.15,0.15],"spacing_basis":"detector","acquisition":{"temporal_position":0,"number":0,"trigger_time_ms":-1.0,"echo":0,"kernel":"","time":""},"is_lossy":false,"has_pixels":true}}', true),
	(4, '2.25.171219313319723757788969232636984888063', '2.25.191805466455800758218128227746789330091', '4306b858dddde227d8ca37d3a63ecf0f596984330f85f7da16c8b34a38a358c1', '@SITE@/spool/waiting.dcm', 132002, 'MODALITY', '2026-11-22 22:35:45.566348', '{"study_instance_uid":"2.25.171219313319723757788969232636984888063","patient_id":"MARKED-4711","patient_name":"Mærket^Patientsen","patient_age_years":65.84392561106662,"accession_number":"ACC-1","study_date":"20260102","study_description":"Thorax","series_instance_uid":"2.25.38649033735822166596288998743740050619","modality":"CR","body_part":"CHEST","series_description":"waiting-cr","frame_of_reference_uid":"","instance":{"sop_instance_uid":"2.25.191805466455800758218128227746789330091","sop_class_uid":"1.2.840.10008.5.1.4.1.1.1","transfer_syntax_uid":"1.2.840.10008.1.2.1","path":"@SITE@/spool/waiting.dcm","instance_number":1,"rows":256,"columns":256,"number_of_frames":1,"image_type":["ORIGINAL","PRIMARY"],"photometric_interpretation":"MONOCHROME2","view_position":"PA","image_position":null,"image_orientation":null,"pixel_spacing_mm":[0.15,0.15],"spacing_basis":"detector","acquisition":{"temporal_position":0,"number":0,"trigger_time_ms":-1.0,"echo":0,"kernel":"","time":""},"is_lossy":false,"has_pixels":true}}', true),
	(5, '2.25.281027353632859356517975549644993830398', '2.25.240077587303085547026899556208249852269', 'f67f8c3d6cf3f9e55b0f15cf3d14a121c17c237134f5b3b1f14d5fc320dbc78a', '@SITE@/spool/queued.dcm', 132002, 'MODALITY', '2026-11-22 22:35:45.611301', '{"study_instance_uid":"2.25.281027353632859356517975549644993830398","patient_id":"MARKED-4711","patient_name":"Mærket^Patientsen","patient_age_years":65.84392561106662,"accession_number":"ACC-1","study_date":"20260102","study_description":"Thorax","series_instance_uid":"2.25.284503075459784688604032175780904088099","modality":"CR","body_part":"CHEST","series_description":"queued-cr","frame_of_reference_uid":"","instance":{"sop_instance_uid":"2.25.240077587303085547026899556208249852269","sop_class_uid":"1.2.840.10008.5.1.4.1.1.1","transfer_syntax_uid":"1.2.840.10008.1.2.1","path":"@SITE@/spool/queued.dcm","instance_number":1,"rows":256,"columns":256,"number_of_frames":1,"image_type":["ORIGINAL","PRIMARY"],"photometric_interpretation":"MONOCHROME2","view_position":"PA","image_position":null,"image_orientation":null,"pixel_spacing_mm":[0.15,0.15],"spacing_basis":"detector","acquisition":{"temporal_position":0,"number":0,"trigger_time_ms":-1.0,"echo":0,"kernel":"","time":""},"is_lossy":false,"has_pixels":true}}', true),
	(6, '2.25.46901887624938711432575296384586571898', '2.25.144543262881444904651738458856634737708', 'f7d640a881b011733dfe4a873848d246aacc7ce958bea8e2ca1de2694be0c1af', '@SITE@/spool/open.dcm', 132000, 'MODALITY', '2026-11-22 22:35:45.873933', '{"study_instance_uid":"2.25.46901887624938711432575296384586571898","patient_id":"MARKED-4711","patient_name":"Mærket^Patientsen","patient_age_years":65.84392561106662,"accession_number":"ACC-1","study_date":"20260102","study_description":"Thorax","series_instance_uid":"2.25.54411406796363855021105575083312114606","modality":"CR","body_part":"CHEST","series_description":"open-cr","frame_of_reference_uid":"","instance":{"sop_instance_uid":"2.25.144543262881444904651738458856634737708","sop_class_uid":"1.2.840.10008.5.1.4.1.1.1","transfer_syntax_uid":"1.2.840.10008.1.2.1","path":"@SITE@/spool/open.dcm","instance_number":1,"rows":256,"columns":256,"number_of_frames":1,"image_type":["ORIGINAL","PRIMARY"],"photometric_interpretation":"MONOCHROME2","view_position":"PA","image_position":null,"image_orientation":null,"pixel_spacing_mm":[0.15,0.15],"spacing_basis":"detector","acquisition":{"temporal_position":0,"number":0,"trigger_time_ms":-1.0,"echo":0,"kernel":"","time":""},"is_lossy":false,"has_pixels":true}}', true);


--
-- Data for Name: node_lease; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.node_lease VALUES
	('node-1', 1, 0),
	('node-2', 1, 0),
	('node-3', 1, 0);


--
-- Data for Name: patient; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: priority_hint; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: refusal; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: result_object; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.result_object VALUES
	('2.25.10601606303081973025351998642426065626', 'item-accepted', 'sr', '1.2.840.10008.5.1.4.1.1.88.34', '2.25.39593931527161001290513051386554725481', '@SITE@/sent/accepted/000.dcm', 'f4d0eeccc576da0ee880c27dcc3f5bde73f6fa8a6c534103ce07dc65af267554', '2026-11-22 22:35:45.665615'),
	('2.25.87650059045986181769071466148499866996', 'item-accepted', 'sc', '1.2.840.10008.5.1.4.1.1.1', '2.25.286970217419196468859599491346788033108', '@SITE@/sent/accepted/001.dcm', 'f5399658c4ac88af193cc76501f97340ef90f04e1d641c84456879f208b3b78f', '2026-11-22 22:35:45.665615'),
	('2.25.82794144815634206900940997650013074787', 'item-silent', 'sr', '1.2.840.10008.5.1.4.1.1.88.34', '2.25.258696908900017880707987569125934220633', '@SITE@/sent/silent/000.dcm', '71361ee50c034caaa982315bea0e988a4ba052382a51898b69fda3c67ccb3971', '2026-11-22 22:35:45.755789'),
	('2.25.92177736820122336616925473248537937219', 'item-silent', 'sc', '1.2.840.10008.5.1.4.1.1.1', '2.25.29153109693313483067217807577806500405', '@SITE@/sent/silent/001.dcm', '2be82f251bc0eb49bfff8eb7794b7a4becf89d10dc9cad4ae910c85b2db075ea', '2026-11-22 22:35:45.755789'),
	('2.25.14841212330850370310956279609349091032', 'item-begun', 'sr', '1.2.840.10008.5.1.4.1.1.88.34', '2.25.135891165873137829628256321713812112060', '@SITE@/sent/begun/000.dcm', '6e22bafe7b0833e92c78a996edeab9eb370af40fac77f3472489ae5c8e2863ef', '2026-11-22 22:35:45.81376'),
	('2.25.89922033064116730920000918176214566496', 'item-begun', 'sc', '1.2.840.10008.5.1.4.1.1.1', '2.25.188939567917110223584896887932498692777', '@SITE@/sent/begun/001.dcm', '7d2b1eab374c07d7a5d2b914a527f4198810f87714b4c2d0bbf6ac3c85d41b72', '2026-11-22 22:35:45.81376'),
	('2.25.128804430398419834401173267093882677480', 'item-fresh', 'sr', '1.2.840.10008.5.1.4.1.1.88.34', '2.25.242146541285302740595121633511478154469', '@SITE@/sent/fresh/000.dcm', 'ab63816d67b14bf51965ea13ed1a1cf9d4426a09f377411ca61059b0a5c209d9', '2026-11-22 22:35:45.857425'),
	('2.25.49233793393751243940863466128902465588', 'item-fresh', 'sc', '1.2.840.10008.5.1.4.1.1.1', '2.25.309360722322891167088452598404302174044', '@SITE@/sent/fresh/001.dcm', '45e7b2fb35f7a2b34f52bade1491650969a99809c974fae7cad020629d164296', '2026-11-22 22:35:45.857425');


--
-- Data for Name: review; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: risk; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: stay; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: study; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.study VALUES
	('2.25.105651424958352367538729240375514806171', 'MARKED-4711', 'Mærket^Patientsen', 'ACC-1', '20260102', 'Thorax', 'CR', 'MODALITY', 1, '2026-11-22 22:35:45.335489', '2026-11-22 22:35:45.335489', NULL),
	('2.25.269777712302835994751292146466173315444', 'MARKED-4711', 'Mærket^Patientsen', 'ACC-1', '20260102', 'Thorax', 'CR', 'MODALITY', 1, '2026-11-22 22:35:45.445822', '2026-11-22 22:35:45.445822', NULL),
	('2.25.32466865580275365499586169818520246312', 'MARKED-4711', 'Mærket^Patientsen', 'ACC-1', '20260102', 'Thorax', 'CR', 'MODALITY', 1, '2026-11-22 22:35:45.509396', '2026-11-22 22:35:45.509396', NULL),
	('2.25.171219313319723757788969232636984888063', 'MARKED-4711', 'Mærket^Patientsen', 'ACC-1', '20260102', 'Thorax', 'CR', 'MODALITY', 1, '2026-11-22 22:35:45.566348', '2026-11-22 22:35:45.566348', NULL),
	('2.25.281027353632859356517975549644993830398', 'MARKED-4711', 'Mærket^Patientsen', 'ACC-1', '20260102', 'Thorax', 'CR', 'MODALITY', 1, '2026-11-22 22:35:45.611301', '2026-11-22 22:35:45.611301', NULL),
	('2.25.46901887624938711432575296384586571898', 'MARKED-4711', 'Mærket^Patientsen', 'ACC-1', '20260102', 'Thorax', 'CR', 'MODALITY', 0, '2026-11-22 22:35:45.873933', '2026-11-22 22:35:45.873933', '2026-11-22 23:35:45.873933');


--
-- Data for Name: surveillance_case; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: surveillance_cluster; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: surveillance_exposure; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: surveillance_run; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: ups_event; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: ups_performed; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: ups_subscription; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: ups_workitem; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: withdrawal; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: work_history; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.work_history VALUES
	(1, '2.25.316537714260475258838902464094757227177', '2026-11-22 22:35:45.362906', 'queued', ''),
	(2, '2.25.316537714260475258838902464094757227177', '2026-11-22 22:35:46.430118', 'running', 'attempt 1'),
	(3, '2.25.68095627017763697806404383927414343431', '2026-11-22 22:35:45.456269', 'queued', ''),
	(4, '2.25.68095627017763697806404383927414343431', '2026-11-22 22:35:46.49667', 'running', 'attempt 1'),
	(5, '2.25.102407397855252903938483394473070093290', '2026-11-22 22:35:45.519905', 'queued', ''),
	(6, '2.25.102407397855252903938483394473070093290', '2026-11-22 22:35:46.552633', 'running', 'attempt 1'),
	(7, '2.25.89142284124099389610750881509590744291', '2026-11-22 22:35:45.579942', 'queued', ''),
	(8, '2.25.89142284124099389610750881509590744291', '2026-11-22 22:35:46.598983', 'running', 'attempt 1'),
	(9, '2.25.89142284124099389610750881509590744291', '2026-11-22 22:35:45.601902', 'waiting', 'the model service did not answer'),
	(10, '2.25.78109690688946858703973272790229198090', '2026-11-22 22:35:45.61744', 'queued', ''),
	(11, 'item-accepted', '2026-11-22 22:35:45.650821', 'queued', ''),
	(12, 'item-accepted', '2026-11-22 22:35:45.650821', 'running', 'attempt 1'),
	(13, 'item-accepted', '2026-11-22 22:35:45.665615', 'delivering', ''),
	(14, 'item-accepted', '2026-11-22 22:35:45.72365', 'done', ''),
	(15, 'item-silent', '2026-11-22 22:35:45.748925', 'queued', ''),
	(16, 'item-silent', '2026-11-22 22:35:45.748925', 'running', 'attempt 1'),
	(17, 'item-silent', '2026-11-22 22:35:45.755789', 'delivering', ''),
	(18, 'item-begun', '2026-11-22 22:35:45.799496', 'queued', ''),
	(19, 'item-begun', '2026-11-22 22:35:45.799496', 'running', 'attempt 1'),
	(20, 'item-begun', '2026-11-22 22:35:45.81376', 'delivering', ''),
	(21, 'item-fresh', '2026-11-22 22:35:45.846878', 'queued', ''),
	(22, 'item-fresh', '2026-11-22 22:35:45.846878', 'running', 'attempt 1'),
	(23, 'item-fresh', '2026-11-22 22:35:45.857425', 'delivering', '');


--
-- Data for Name: work_item; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.work_item VALUES
	('2.25.316537714260475258838902464094757227177', 'imaging', '2.25.105651424958352367538729240375514806171', 1, 'chest', 'chest_xray_opacity', '0.1.0', '@RELEASE@', 2, 'running', '', '', '', 1, '2026-11-22 22:35:45.362906', 'node-1', '2026-11-22 22:35:45.362906', '2026-11-22 22:35:45.335489', NULL, '{}', '{}'),
	('2.25.68095627017763697806404383927414343431', 'imaging', '2.25.269777712302835994751292146466173315444', 1, 'chest', 'chest_xray_opacity', '0.1.0', '@RELEASE@', 2, 'running', '', '', '', 1, '2026-11-22 22:35:45.456269', 'node-2', '2026-11-22 22:35:45.456269', '2026-11-22 22:35:45.445822', NULL, '{}', '{}'),
	('2.25.102407397855252903938483394473070093290', 'imaging', '2.25.32466865580275365499586169818520246312', 1, 'chest', 'chest_xray_opacity', '0.1.0', '@RELEASE@', 2, 'running', '', '', '', 1, '2026-11-22 22:35:45.519905', 'node-3', '2026-11-22 22:35:45.519905', '2026-11-22 22:35:45.509396', NULL, '{}', '{}'),
	('item-accepted', 'imaging', '2.25.9367350568605162685538643990172865788', 1, 'chest', 'chest_xray_opacity', '0.1.0', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 2, 'done', 'finding', '', '', 1, '2026-11-22 22:35:45.650821', 'node-1', '2026-11-22 22:35:45.650821', '2026-11-22 22:35:45.650821', '2026-11-22 22:35:45.72365', '{"received_to_stored": 0.0728}', '{}'),
	('item-silent', 'imaging', '2.25.120438566454747777904693628641990383198', 1, 'chest', 'chest_xray_opacity', '0.1.0', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 2, 'delivering', 'finding', '', '', 1, '2026-11-22 22:35:45.748925', 'node-1', '2026-11-22 22:35:45.748925', '2026-11-22 22:35:45.748925', NULL, '{}', '{}'),
	('item-begun', 'imaging', '2.25.164523808908346169262810791049677947982', 1, 'chest', 'chest_xray_opacity', '0.1.0', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 2, 'delivering', 'finding', '', '', 1, '2026-11-22 22:35:45.799496', 'node-1', '2026-11-22 22:35:45.799496', '2026-11-22 22:35:45.799496', NULL, '{}', '{}'),
	('item-fresh', 'imaging', '2.25.277272128006518734344799742742849228611', 1, 'chest', 'chest_xray_opacity', '0.1.0', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 2, 'delivering', 'finding', '', '', 1, '2026-11-22 22:35:45.846878', 'node-1', '2026-11-22 22:35:45.846878', '2026-11-22 22:35:45.846878', NULL, '{}', '{}'),
	('2.25.78109690688946858703973272790229198090', 'imaging', '2.25.281027353632859356517975549644993830398', 1, 'chest', 'chest_xray_opacity', '0.1.0', '@RELEASE@', 2, 'queued', '', '', '', 0, '2026-11-22 22:35:45.61744', '', '2026-11-22 22:35:45.61744', '2026-11-22 22:35:45.611301', NULL, '{}', '{}'),
	('2.25.89142284124099389610750881509590744291', 'imaging', '2.25.171219313319723757788969232636984888063', 1, 'chest', 'chest_xray_opacity', '0.1.0', '@RELEASE@', 2, 'waiting', '', '', 'the model service did not answer', 1, '2026-11-22 22:35:45.601908', 'node-2', '2026-11-22 22:35:45.579942', '2026-11-22 22:35:45.566348', NULL, '{}', '{}');


--
-- Name: audit_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.audit_sequence_seq', 6, true);


--
-- Name: delivery_history_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.delivery_history_id_seq', 2, true);


--
-- Name: event_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.event_id_seq', 1, false);


--
-- Name: feed_message_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.feed_message_id_seq', 1, false);


--
-- Name: feedback_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.feedback_id_seq', 1, false);


--
-- Name: instance_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.instance_id_seq', 6, true);


--
-- Name: refusal_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.refusal_id_seq', 1, false);


--
-- Name: review_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.review_id_seq', 1, false);


--
-- Name: surveillance_cluster_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.surveillance_cluster_id_seq', 1, false);


--
-- Name: surveillance_run_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.surveillance_run_id_seq', 1, false);


--
-- Name: ups_event_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.ups_event_id_seq', 1, false);


--
-- Name: work_history_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.work_history_id_seq', 23, true);


--
-- Name: application_versions application_versions_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.application_versions
    ADD CONSTRAINT application_versions_pkey PRIMARY KEY (version_id);


--
-- Name: application_versions application_versions_version_name_key; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.application_versions
    ADD CONSTRAINT application_versions_version_name_key UNIQUE (version_name);


--
-- Name: dbos_migrations dbos_migrations_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.dbos_migrations
    ADD CONSTRAINT dbos_migrations_pkey PRIMARY KEY (version);


--
-- Name: event_dispatch_kv event_dispatch_kv_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.event_dispatch_kv
    ADD CONSTRAINT event_dispatch_kv_pkey PRIMARY KEY (service_name, workflow_fn_name, key);


--
-- Name: notifications notifications_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (message_uuid);


--
-- Name: operation_outputs operation_outputs_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.operation_outputs
    ADD CONSTRAINT operation_outputs_pkey PRIMARY KEY (workflow_uuid, function_id);


--
-- Name: queues queues_name_key; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.queues
    ADD CONSTRAINT queues_name_key UNIQUE (name);


--
-- Name: queues queues_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (queue_id);


--
-- Name: streams streams_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (workflow_uuid, key, "offset");


--
-- Name: workflow_events_history workflow_events_history_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_events_history
    ADD CONSTRAINT workflow_events_history_pkey PRIMARY KEY (workflow_uuid, function_id, key);


--
-- Name: workflow_events workflow_events_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_events
    ADD CONSTRAINT workflow_events_pkey PRIMARY KEY (workflow_uuid, key);


--
-- Name: workflow_input workflow_input_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_input
    ADD CONSTRAINT workflow_input_pkey PRIMARY KEY (workflow_uuid);


--
-- Name: workflow_output workflow_output_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_output
    ADD CONSTRAINT workflow_output_pkey PRIMARY KEY (workflow_uuid);


--
-- Name: workflow_schedules workflow_schedules_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_schedules
    ADD CONSTRAINT workflow_schedules_pkey PRIMARY KEY (schedule_id);


--
-- Name: workflow_schedules workflow_schedules_schedule_name_key; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_schedules
    ADD CONSTRAINT workflow_schedules_schedule_name_key UNIQUE (schedule_name);


--
-- Name: workflow_status workflow_status_pkey; Type: CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_status
    ADD CONSTRAINT workflow_status_pkey PRIMARY KEY (workflow_uuid);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: alert pk_alert; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alert
    ADD CONSTRAINT pk_alert PRIMARY KEY (work_item_id);


--
-- Name: audit pk_audit; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT pk_audit PRIMARY KEY (sequence);


--
-- Name: cds_token pk_cds_token; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cds_token
    ADD CONSTRAINT pk_cds_token PRIMARY KEY (issuer, jti);


--
-- Name: commitment pk_commitment; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.commitment
    ADD CONSTRAINT pk_commitment PRIMARY KEY (transaction_uid);


--
-- Name: delivery pk_delivery; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT pk_delivery PRIMARY KEY (id);


--
-- Name: delivery_history pk_delivery_history; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery_history
    ADD CONSTRAINT pk_delivery_history PRIMARY KEY (id);


--
-- Name: delivery_object pk_delivery_object; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery_object
    ADD CONSTRAINT pk_delivery_object PRIMARY KEY (delivery_id, sop_instance_uid);


--
-- Name: event pk_event; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.event
    ADD CONSTRAINT pk_event PRIMARY KEY (id);


--
-- Name: expectation pk_expectation; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.expectation
    ADD CONSTRAINT pk_expectation PRIMARY KEY (id);


--
-- Name: expected_instance pk_expected_instance; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.expected_instance
    ADD CONSTRAINT pk_expected_instance PRIMARY KEY (expectation_id, sop_instance_uid);


--
-- Name: feed_message pk_feed_message; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.feed_message
    ADD CONSTRAINT pk_feed_message PRIMARY KEY (id);


--
-- Name: feedback pk_feedback; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT pk_feedback PRIMARY KEY (id);


--
-- Name: finding pk_finding; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.finding
    ADD CONSTRAINT pk_finding PRIMARY KEY (work_item_id, tracking_uid);


--
-- Name: instance pk_instance; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.instance
    ADD CONSTRAINT pk_instance PRIMARY KEY (id);


--
-- Name: node_lease pk_node_lease; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.node_lease
    ADD CONSTRAINT pk_node_lease PRIMARY KEY (node);


--
-- Name: patient pk_patient; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.patient
    ADD CONSTRAINT pk_patient PRIMARY KEY (patient_id);


--
-- Name: priority_hint pk_priority_hint; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.priority_hint
    ADD CONSTRAINT pk_priority_hint PRIMARY KEY (id);


--
-- Name: refusal pk_refusal; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refusal
    ADD CONSTRAINT pk_refusal PRIMARY KEY (id);


--
-- Name: result_object pk_result_object; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.result_object
    ADD CONSTRAINT pk_result_object PRIMARY KEY (sop_instance_uid);


--
-- Name: review pk_review; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.review
    ADD CONSTRAINT pk_review PRIMARY KEY (id);


--
-- Name: risk pk_risk; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.risk
    ADD CONSTRAINT pk_risk PRIMARY KEY (work_item_id);


--
-- Name: stay pk_stay; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stay
    ADD CONSTRAINT pk_stay PRIMARY KEY (stay_id);


--
-- Name: study pk_study; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.study
    ADD CONSTRAINT pk_study PRIMARY KEY (study_uid);


--
-- Name: surveillance_case pk_surveillance_case; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.surveillance_case
    ADD CONSTRAINT pk_surveillance_case PRIMARY KEY (id);


--
-- Name: surveillance_cluster pk_surveillance_cluster; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.surveillance_cluster
    ADD CONSTRAINT pk_surveillance_cluster PRIMARY KEY (id);


--
-- Name: surveillance_exposure pk_surveillance_exposure; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.surveillance_exposure
    ADD CONSTRAINT pk_surveillance_exposure PRIMARY KEY (definition, edition, unit, day);


--
-- Name: surveillance_run pk_surveillance_run; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.surveillance_run
    ADD CONSTRAINT pk_surveillance_run PRIMARY KEY (id);


--
-- Name: ups_event pk_ups_event; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ups_event
    ADD CONSTRAINT pk_ups_event PRIMARY KEY (id);


--
-- Name: ups_performed pk_ups_performed; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ups_performed
    ADD CONSTRAINT pk_ups_performed PRIMARY KEY (uid);


--
-- Name: ups_subscription pk_ups_subscription; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ups_subscription
    ADD CONSTRAINT pk_ups_subscription PRIMARY KEY (ae_title, uid);


--
-- Name: ups_workitem pk_ups_workitem; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ups_workitem
    ADD CONSTRAINT pk_ups_workitem PRIMARY KEY (uid);


--
-- Name: withdrawal pk_withdrawal; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.withdrawal
    ADD CONSTRAINT pk_withdrawal PRIMARY KEY (source);


--
-- Name: work_history pk_work_history; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.work_history
    ADD CONSTRAINT pk_work_history PRIMARY KEY (id);


--
-- Name: work_item pk_work_item; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.work_item
    ADD CONSTRAINT pk_work_item PRIMARY KEY (id);


--
-- Name: audit uq_audit_hash; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT uq_audit_hash UNIQUE (hash);


--
-- Name: delivery uq_delivery_work_item_id_destination_purpose; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT uq_delivery_work_item_id_destination_purpose UNIQUE (work_item_id, destination, purpose);


--
-- Name: instance uq_instance_sop_instance_uid_sha256; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.instance
    ADD CONSTRAINT uq_instance_sop_instance_uid_sha256 UNIQUE (sop_instance_uid, sha256);


--
-- Name: idx_application_versions_owner_timestamp; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_application_versions_owner_timestamp ON dbos.application_versions USING btree (application_name, version_timestamp DESC);


--
-- Name: idx_application_versions_timestamp; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_application_versions_timestamp ON dbos.application_versions USING btree (version_timestamp DESC);


--
-- Name: idx_operation_outputs_completed_at_function_name_v2; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_operation_outputs_completed_at_function_name_v2 ON dbos.operation_outputs USING btree (completed_at_epoch_ms, function_name) INCLUDE (application_name);


--
-- Name: idx_operation_outputs_retention; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_operation_outputs_retention ON dbos.operation_outputs USING btree (retention_timestamp);


--
-- Name: idx_workflow_input_retention; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_input_retention ON dbos.workflow_input USING btree (retention_timestamp);


--
-- Name: idx_workflow_output_retention; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_output_retention ON dbos.workflow_output USING btree (retention_timestamp);


--
-- Name: idx_workflow_status_attributes; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_attributes ON dbos.workflow_status USING gin (attributes) WHERE (attributes IS NOT NULL);


--
-- Name: idx_workflow_status_completed_at; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_completed_at ON dbos.workflow_status USING btree (completed_at) WHERE (completed_at IS NOT NULL);


--
-- Name: idx_workflow_status_deadline; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_deadline ON dbos.workflow_status USING btree (workflow_deadline_epoch_ms) WHERE ((status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text, 'DELAYED'::text])) AND (workflow_deadline_epoch_ms IS NOT NULL));


--
-- Name: idx_workflow_status_delayed; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_delayed ON dbos.workflow_status USING btree (delay_until_epoch_ms) WHERE (status = 'DELAYED'::text);


--
-- Name: idx_workflow_status_failed; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_failed ON dbos.workflow_status USING btree (status, created_at) WHERE (status = ANY (ARRAY['ERROR'::text, 'CANCELLED'::text, 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'::text]));


--
-- Name: idx_workflow_status_forked_from; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_forked_from ON dbos.workflow_status USING btree (forked_from) WHERE (forked_from IS NOT NULL);


--
-- Name: idx_workflow_status_in_flight_v2; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_in_flight_v2 ON dbos.workflow_status USING btree (queue_name, status, priority, created_at) INCLUDE (application_name) WHERE (status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text]));


--
-- Name: idx_workflow_status_parent_workflow_id; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_parent_workflow_id ON dbos.workflow_status USING btree (parent_workflow_id) WHERE (parent_workflow_id IS NOT NULL);


--
-- Name: idx_workflow_status_partition_dequeue_v3; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_partition_dequeue_v3 ON dbos.workflow_status USING btree (queue_name, status, queue_partition_key, priority, created_at, workflow_uuid) INCLUDE (application_name) WHERE ((status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text])) AND (queue_partition_key IS NOT NULL));


--
-- Name: idx_workflow_status_pending; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_pending ON dbos.workflow_status USING btree (created_at) WHERE (status = 'PENDING'::text);


--
-- Name: idx_workflow_status_rate_limited; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_rate_limited ON dbos.workflow_status USING btree (queue_name, started_at_epoch_ms) WHERE (rate_limited = true);


--
-- Name: idx_workflow_status_schedule_name; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_schedule_name ON dbos.workflow_status USING btree (schedule_name) WHERE (schedule_name IS NOT NULL);


--
-- Name: idx_workflow_status_started_at; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_status_started_at ON dbos.workflow_status USING btree (started_at_epoch_ms) WHERE (started_at_epoch_ms IS NOT NULL);


--
-- Name: idx_workflow_topic; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX idx_workflow_topic ON dbos.notifications USING btree (destination_uuid, topic);


--
-- Name: uq_application_versions_owner_version; Type: INDEX; Schema: dbos; Owner: -
--

CREATE UNIQUE INDEX uq_application_versions_owner_version ON dbos.application_versions USING btree (application_name, version_name) WHERE (application_name IS NOT NULL);


--
-- Name: uq_application_versions_unclaimed_version; Type: INDEX; Schema: dbos; Owner: -
--

CREATE UNIQUE INDEX uq_application_versions_unclaimed_version ON dbos.application_versions USING btree (version_name) WHERE (application_name IS NULL);


--
-- Name: uq_workflow_status_dedup_id; Type: INDEX; Schema: dbos; Owner: -
--

CREATE UNIQUE INDEX uq_workflow_status_dedup_id ON dbos.workflow_status USING btree (queue_name, deduplication_id) WHERE (deduplication_id IS NOT NULL);


--
-- Name: workflow_status_created_at_index; Type: INDEX; Schema: dbos; Owner: -
--

CREATE INDEX workflow_status_created_at_index ON dbos.workflow_status USING btree (created_at);


--
-- Name: ix_alert_stay_id_model; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_alert_stay_id_model ON public.alert USING btree (stay_id, model, at);


--
-- Name: ix_alert_ward_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_alert_ward_at ON public.alert USING btree (ward, at);


--
-- Name: ix_cds_token_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_cds_token_expires_at ON public.cds_token USING btree (expires_at);


--
-- Name: ix_commitment_delivery_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_commitment_delivery_id ON public.commitment USING btree (delivery_id);


--
-- Name: ix_commitment_state_answer_by; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_commitment_state_answer_by ON public.commitment USING btree (state, answer_by);


--
-- Name: ix_delivery_commit_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_delivery_commit_at ON public.delivery USING btree (commit_at);


--
-- Name: ix_delivery_history_delivery_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_delivery_history_delivery_id ON public.delivery_history USING btree (delivery_id);


--
-- Name: ix_delivery_state_destination; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_delivery_state_destination ON public.delivery USING btree (state, destination, priority);


--
-- Name: ix_delivery_work_item_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_delivery_work_item_id ON public.delivery USING btree (work_item_id);


--
-- Name: ix_event_source; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_event_source ON public.event USING btree (source);


--
-- Name: ix_event_stay_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_event_stay_id ON public.event USING btree (stay_id);


--
-- Name: ix_expectation_study_uid; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_expectation_study_uid ON public.expectation USING btree (study_uid);


--
-- Name: ix_feed_message_state_received_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_feed_message_state_received_at ON public.feed_message USING btree (state, received_at);


--
-- Name: ix_instance_study_uid; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_instance_study_uid ON public.instance USING btree (study_uid);


--
-- Name: ix_priority_hint_accession_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_priority_hint_accession_number ON public.priority_hint USING btree (accession_number);


--
-- Name: ix_priority_hint_study_uid; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_priority_hint_study_uid ON public.priority_hint USING btree (study_uid);


--
-- Name: ix_result_object_work_item_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_result_object_work_item_id ON public.result_object USING btree (work_item_id);


--
-- Name: ix_review_stay_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_review_stay_id ON public.review USING btree (stay_id);


--
-- Name: ix_review_subject_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_review_subject_id ON public.review USING btree (subject_id);


--
-- Name: ix_risk_patient_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_risk_patient_id ON public.risk USING btree (patient_id);


--
-- Name: ix_risk_stay_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_risk_stay_id ON public.risk USING btree (stay_id);


--
-- Name: ix_stay_due_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_stay_due_at ON public.stay USING btree (due_at);


--
-- Name: ix_stay_patient_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_stay_patient_id ON public.stay USING btree (patient_id);


--
-- Name: ix_study_due_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_study_due_at ON public.study USING btree (due_at);


--
-- Name: ix_surveillance_case_definition; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_surveillance_case_definition ON public.surveillance_case USING btree (definition, edition, sampled_at);


--
-- Name: ix_ups_event_ae_title; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_ups_event_ae_title ON public.ups_event USING btree (ae_title);


--
-- Name: ix_ups_performed_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_ups_performed_state ON public.ups_performed USING btree (state);


--
-- Name: ix_ups_workitem_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_ups_workitem_state ON public.ups_workitem USING btree (state);


--
-- Name: ix_work_history_work_item_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_work_history_work_item_id ON public.work_history USING btree (work_item_id);


--
-- Name: ix_work_item_case_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_work_item_case_id ON public.work_item USING btree (case_id);


--
-- Name: ix_work_item_state_priority; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_work_item_state_priority ON public.work_item USING btree (state, priority, created_at);


--
-- Name: notifications dbos_notifications_trigger; Type: TRIGGER; Schema: dbos; Owner: -
--

CREATE TRIGGER dbos_notifications_trigger AFTER INSERT ON dbos.notifications FOR EACH ROW EXECUTE FUNCTION dbos.notifications_function();


--
-- Name: notifications notifications_destination_uuid_fkey; Type: FK CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.notifications
    ADD CONSTRAINT notifications_destination_uuid_fkey FOREIGN KEY (destination_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: streams streams_workflow_uuid_fkey; Type: FK CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.streams
    ADD CONSTRAINT streams_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: workflow_events_history workflow_events_history_workflow_uuid_fkey; Type: FK CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_events_history
    ADD CONSTRAINT workflow_events_history_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: workflow_events workflow_events_workflow_uuid_fkey; Type: FK CONSTRAINT; Schema: dbos; Owner: -
--

ALTER TABLE ONLY dbos.workflow_events
    ADD CONSTRAINT workflow_events_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;


--
-- Name: alert fk_alert_work_item_id_work_item; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alert
    ADD CONSTRAINT fk_alert_work_item_id_work_item FOREIGN KEY (work_item_id) REFERENCES public.work_item(id);


--
-- Name: commitment fk_commitment_delivery_id_delivery; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.commitment
    ADD CONSTRAINT fk_commitment_delivery_id_delivery FOREIGN KEY (delivery_id) REFERENCES public.delivery(id);


--
-- Name: delivery_history fk_delivery_history_delivery_id_delivery; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery_history
    ADD CONSTRAINT fk_delivery_history_delivery_id_delivery FOREIGN KEY (delivery_id) REFERENCES public.delivery(id);


--
-- Name: delivery_object fk_delivery_object_delivery_id_delivery; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery_object
    ADD CONSTRAINT fk_delivery_object_delivery_id_delivery FOREIGN KEY (delivery_id) REFERENCES public.delivery(id);


--
-- Name: delivery_object fk_delivery_object_sop_instance_uid_result_object; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery_object
    ADD CONSTRAINT fk_delivery_object_sop_instance_uid_result_object FOREIGN KEY (sop_instance_uid) REFERENCES public.result_object(sop_instance_uid);


--
-- Name: delivery fk_delivery_work_item_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT fk_delivery_work_item_id FOREIGN KEY (work_item_id) REFERENCES public.work_item(id);


--
-- Name: event fk_event_stay_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.event
    ADD CONSTRAINT fk_event_stay_id FOREIGN KEY (stay_id) REFERENCES public.stay(stay_id);


--
-- Name: expected_instance fk_expected_instance_expectation_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.expected_instance
    ADD CONSTRAINT fk_expected_instance_expectation_id FOREIGN KEY (expectation_id) REFERENCES public.expectation(id);


--
-- Name: finding fk_finding_work_item_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.finding
    ADD CONSTRAINT fk_finding_work_item_id FOREIGN KEY (work_item_id) REFERENCES public.work_item(id);


--
-- Name: instance fk_instance_study_uid; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.instance
    ADD CONSTRAINT fk_instance_study_uid FOREIGN KEY (study_uid) REFERENCES public.study(study_uid);


--
-- Name: result_object fk_result_object_work_item_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.result_object
    ADD CONSTRAINT fk_result_object_work_item_id FOREIGN KEY (work_item_id) REFERENCES public.work_item(id);


--
-- Name: risk fk_risk_stay_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.risk
    ADD CONSTRAINT fk_risk_stay_id FOREIGN KEY (stay_id) REFERENCES public.stay(stay_id);


--
-- Name: risk fk_risk_work_item_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.risk
    ADD CONSTRAINT fk_risk_work_item_id FOREIGN KEY (work_item_id) REFERENCES public.work_item(id);


--
-- Name: work_history fk_work_history_work_item_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.work_history
    ADD CONSTRAINT fk_work_history_work_item_id FOREIGN KEY (work_item_id) REFERENCES public.work_item(id);


--
-- PostgreSQL database dump complete
--


