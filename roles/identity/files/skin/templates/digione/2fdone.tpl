<p id="done" class="actions" hidden>
  <a class="hds-button hds-button--primary" href="<TMPL_VAR NAME="platform">sign-in" trspan="goToPlatform"></a>
  <a class="hds-button hds-button--secondary" href="<TMPL_VAR NAME="PORTAL_URL">2fregisters" trspan="sfaManager"></a>
</p>
<p id="undone" class="actions">
  <a class="hds-link" href="<TMPL_VAR NAME="PORTAL_URL">2fregisters" trspan="sfaManager"></a>
  <a id="goback" class="hds-link" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1<TMPL_IF NAME="AUTH_URL">&amp;url=<TMPL_VAR NAME="AUTH_URL"></TMPL_IF>" trspan="back2Portal"></a>
</p>
<script src="<TMPL_VAR NAME="STATIC_PREFIX">digione/second-factor.js"></script>
