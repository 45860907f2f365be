<div id="errormsg" aria-live="polite">
<TMPL_IF NAME="AUTH_ERROR">
  <div class="message message-<TMPL_VAR NAME="AUTH_ERROR_TYPE">" role="<TMPL_VAR NAME="AUTH_ERROR_ROLE">">
    <span trmsg="<TMPL_VAR NAME="AUTH_ERROR">"></span>
    <TMPL_IF NAME="LOCKTIME"><span trspan="waitSeconds,<TMPL_VAR NAME="LOCKTIME">"></span></TMPL_IF>
  </div>
</TMPL_IF>
</div>
